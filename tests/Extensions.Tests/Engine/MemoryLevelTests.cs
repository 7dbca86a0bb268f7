using System.Runtime.CompilerServices;
using Larder.Engine;
using Xunit;

namespace Larder.Tests.Engine;

public sealed class MemoryLevelTests : IAsyncDisposable
{
    private readonly CacheEngine _engine = TestEngine.InMemory();
    private readonly ScopeState _scope;

    public MemoryLevelTests() => _scope = _engine.Scope(new CacheScope("memory"));

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    [Theory]
    [InlineData(100, 1_000_000)]
    [InlineData(100_000, 65_536)]
    [InlineData(50, 10_000)]
    public void Neither_bound_is_ever_exceeded(int maximumEntries, long maximumBytes)
    {
        var memory = new MemoryLevel(maximumEntries, maximumBytes);
        var random = new Random(20250101);
        var most = 0;
        for (var i = 0; i < 50_000; i++)
        {
            var key = $"key {random.Next(1_000)}";
            switch (random.Next(10))
            {
                case < 6:
                    memory.Set(Entries.Create(_scope, key, random.Next(100, 3_000)));
                    break;
                case < 9 when memory.TryGet(_scope, key, out var found):
                    MemoryLevel.Touch(found);
                    break;
                default:
                    memory.Remove(_scope, key);
                    break;
            }

            Assert.InRange(memory.Count, 0, maximumEntries);
            Assert.InRange(memory.Bytes, 0, maximumBytes);
            most = Math.Max(most, memory.Count);
        }

        Assert.Equal(memory.Count, memory.Entries.Count());
        Assert.Equal(memory.Bytes, memory.Entries.Sum(entry => (long)entry.Size));

        // How many large entries are left at the very end differs, as hashes do, from process to process.
        Assert.InRange(most, 5, maximumEntries);
    }

    [Fact]
    public async Task What_is_counted_is_what_is_there_after_many_threads_have_been_at_it()
    {
        var memory = new MemoryLevel(200, 100_000);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(seed => Task.Run(() =>
        {
            var random = new Random(seed);
            for (var i = 0; i < 50_000; i++)
            {
                var key = $"{random.Next(400)}";
                if (random.Next(4) == 0)
                {
                    memory.Remove(_scope, key);
                }
                else if (random.Next(2) == 0 && memory.TryGet(_scope, key, out var entry))
                {
                    MemoryLevel.Touch(entry);
                }
                else
                {
                    memory.Set(Entries.Create(_scope, key, random.Next(100, 900)));
                }
            }
        })));

        Assert.Equal(memory.Entries.Count(), memory.Count);
        Assert.Equal(memory.Entries.Sum(entry => (long)entry.Size), memory.Bytes);
        Assert.InRange(memory.Count, 1, 200);
        Assert.InRange(memory.Bytes, 1, 100_000);
    }

    [Fact]
    public void A_scan_of_keys_used_once_does_not_push_out_what_is_used()
    {
        var memory = new MemoryLevel(1_000, 100_000_000);
        for (var round = 0; round < 4; round++)
        {
            for (var i = 0; i < 400; i++)
            {
                Use(memory, $"hot {i}");
            }
        }

        for (var i = 0; i < 50_000; i++)
        {
            Use(memory, $"once {i}");
            if (i % 10 == 0)
            {
                Use(memory, $"hot {i / 10 % 400}");
            }
        }

        var kept = Enumerable.Range(0, 400).Count(i => memory.TryGet(_scope, $"hot {i}", out _));
        Assert.InRange(kept, 390, 400);
    }

    [Fact]
    public void An_entry_that_is_always_hit_survives_anything()
    {
        var memory = new MemoryLevel(64, 100_000_000);
        Use(memory, "hot");
        for (var i = 0; i < 20_000; i++)
        {
            memory.Set(Entries.Create(_scope, $"{i}"));
            Assert.True(memory.TryGet(_scope, "hot", out var hot), $"evicted after {i}");
            MemoryLevel.Touch(hot);
        }
    }

    [Fact]
    public void A_key_that_comes_back_soon_after_it_was_evicted_stays()
    {
        var memory = new MemoryLevel(100, 100_000_000);
        Use(memory, "returning");
        for (var i = 0; memory.TryGet(_scope, "returning", out _); i++)
        {
            memory.Set(Entries.Create(_scope, $"first {i}"));
        }

        Use(memory, "returning");
        for (var i = 0; i < 80; i++)
        {
            memory.Set(Entries.Create(_scope, $"second {i}"));
        }

        Assert.True(memory.TryGet(_scope, "returning", out _));
    }

    [Fact]
    public void A_value_larger_than_a_quarter_of_everything_is_not_kept_and_nor_is_the_one_it_replaces()
    {
        var memory = new MemoryLevel(100, 100_000);
        memory.Set(Entries.Create(_scope, "key", 200));
        memory.Set(Entries.Create(_scope, "other", 200));

        memory.Set(Entries.Create(_scope, "key", 25_001));

        Assert.False(memory.TryGet(_scope, "key", out _));
        Assert.True(memory.TryGet(_scope, "other", out _));
        memory.Set(Entries.Create(_scope, "key", 25_000));
        Assert.True(memory.TryGet(_scope, "key", out _));
    }

    [Fact]
    public void Every_departure_is_reported_once_with_its_reason()
    {
        var memory = new MemoryLevel(16, 1_000_000);
        var left = new List<(string Key, EntryDeparture Reason)>();
        memory.Departed += (entry, reason) => left.Add((entry.Key, reason));
        memory.Set(Entries.Create(_scope, "replaced"));
        memory.Set(Entries.Create(_scope, "replaced"));
        memory.Remove(_scope, "replaced");
        memory.Set(Entries.Create(_scope, "expired", expiresAt: 100));
        memory.Set(Entries.Create(_scope, "dead"));
        Assert.Equal(0, memory.Sweep(99, _ => false));
        Assert.Equal(1, memory.Sweep(100, _ => false));
        Assert.Equal(1, memory.Sweep(100, entry => entry.Key == "dead"));

        Assert.Equal(
            [("replaced", EntryDeparture.Replaced), ("replaced", EntryDeparture.Removed), ("expired", EntryDeparture.Expired), ("dead", EntryDeparture.Invalidated)], left);
        for (var i = 0; i < 20; i++)
        {
            memory.Set(Entries.Create(_scope, $"{i}"));
        }

        Assert.InRange(memory.Count, 14, 16);
        Assert.Equal(20 - memory.Count, left.Count(departure => departure.Reason == EntryDeparture.Evicted));
        Assert.False(memory.Remove(_scope, "no such key"));
    }

    [Fact]
    public void Replaced_and_removed_entries_do_not_pile_up()
    {
        var memory = new MemoryLevel(10_000, 100_000_000);
        var gone = OverwriteAndRemove(memory, _scope);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();

        Assert.InRange(gone.Count(entry => entry.TryGetTarget(out _)), 0, 300);
        GC.KeepAlive(memory);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static List<WeakReference<MemoryEntry>> OverwriteAndRemove(MemoryLevel memory, ScopeState scope)
    {
        var gone = new List<WeakReference<MemoryEntry>>();
        for (var i = 0; i < 20_000; i++)
        {
            var overwritten = Entries.Create(scope, "always the same");
            memory.Set(overwritten);
            var removed = Entries.Create(scope, $"{i}");
            memory.Set(removed);
            memory.Remove(scope, removed.Key);
            gone.Add(new(overwritten));
            gone.Add(new(removed));
        }

        return gone;
    }

    private void Use(MemoryLevel memory, string key)
    {
        if (memory.TryGet(_scope, key, out var entry))
        {
            MemoryLevel.Touch(entry);
        }
        else
        {
            memory.Set(Entries.Create(_scope, key));
        }
    }
}
