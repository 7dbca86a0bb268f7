using System.Runtime.CompilerServices;
using Pipelines.Sockets.Unofficial.Arenas;

namespace Larder.PipelinesSockets.Tests.Units;

/// <summary>Parsed replies live in an arena until the next one is read.</summary>
public sealed class ArenaTests
{
    [Fact]
    public void Memory_handed_out_stays_in_place_until_reset()
    {
        using var arena = new Arena<long>(new ArenaOptions(ArenaFlags.None, 4, null));
        var runs = new List<Sequence<long>>();
        for (var length = 0; length < 300; length++)
        {
            var run = arena.Allocate(length);
            for (var i = 0; i < length; i++)
            {
                run[i] = Mark(length, i);
            }

            runs.Add(run);
        }

        // A nested run is filled after its parent was handed out: through a stale copy it would be lost.
        foreach (var run in runs)
        {
            Assert.Equal(runs.IndexOf(run), run.Length);
            for (var i = 0; i < run.Length; i++)
            {
                Assert.Equal(Mark((int)run.Length, i), run[i]);
            }
        }

        static long Mark(int length, int i) => (length * 1000L) + i;
    }

    [Fact]
    public void Memory_is_zeroed_again_after_reset()
    {
        using var arena = new Arena<string?>();
        for (var round = 0; round < 50; round++)
        {
            foreach (var length in new[] { 1, 200, 7, 3000 })
            {
                foreach (ref var element in arena.Allocate(length))
                {
                    Assert.Null(element);
                    element = "used";
                }
            }

            arena.Reset();
        }
    }

    [Fact]
    public void A_reset_lets_go_of_what_elements_held()
    {
        using var arena = new Arena<object?>();
        var held = Hold(arena);

        arena.Reset();
        GC.Collect();

        Assert.False(held.IsAlive);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static WeakReference Hold(Arena<object?> arena)
        {
            var target = new object();
            arena.Allocate(1)[0] = target;
            return new WeakReference(target);
        }
    }

    [Fact]
    public void One_huge_reply_does_not_pin_its_memory()
    {
        using var arena = new Arena<byte>();
        var huge = arena.Allocate(10_000_000);
        arena.Reset();
        Assert.True(Unsafe.AreSame(ref huge[0], ref arena.Allocate(1)[0]), "the next reply may be as large");

        for (var i = 0; i < 100; i++)
        {
            arena.Reset();
            arena.Allocate(1);
        }

        arena.Reset();
        Assert.False(Unsafe.AreSame(ref huge[0], ref arena.Allocate(1)[0]), "small replies still use the huge block");
    }

    [Fact]
    public void A_disposed_arena_serves_a_read_loop_that_is_still_parsing()
    {
        var arena = new Arena<int>();
        var before = arena.Allocate(10);
        arena.Dispose();

        before[9] = 1;
        Assert.Equal(5, arena.Allocate(5).Length);
        arena.Reset();
    }

    [Fact]
    public void Sequences_agree_in_every_way_to_walk_them()
    {
        using var arena = new Arena<int>();
        var run = arena.Allocate(5);
        for (var i = 0; i < 5; i++)
        {
            run[i] = i;
        }

        var again = run.Untyped().Cast<int>();
        var walked = new List<int>();
        foreach (var span in again.Spans)
        {
            walked.AddRange(span);
        }

        var copied = new int[5];
        again.CopyTo(copied, static (in int x) => x);
        var iterator = again.GetEnumerator();
        Assert.Equal([0, 1, 2, 3, 4], walked);
        Assert.Equal(walked, copied);
        Assert.Equal(walked, again.ToArray(static (in int x) => x));
        Assert.Equal([10, 11, 12, 13, 14], again.ToArray(static (in int x, in int offset) => x + offset, 10));
        Assert.Equal(walked, [iterator.GetNext(), iterator.GetNext(), iterator.GetNext(), iterator.GetNext(), iterator.GetNext()]);
        Assert.False(iterator.MoveNext());
        Assert.Throws<IndexOutOfRangeException>(() => run[5]);
    }

    [Fact]
    public void An_empty_sequence_is_the_default_one()
    {
        Sequence<int> empty = default;

        Assert.True(empty.IsEmpty);
        Assert.True(empty.FirstSpan.IsEmpty);
        Assert.Empty(empty.ToArray(static (in int x) => x));
        Assert.Equal(0, default(Sequence).Cast<string>().Length);
        Assert.False(empty.GetEnumerator().MoveNext());
        Assert.False(empty.Spans.GetEnumerator().MoveNext());
    }
}
