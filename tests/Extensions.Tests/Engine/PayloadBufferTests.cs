using System.Buffers;
using System.Runtime.InteropServices;
using Larder.Engine;
using Larder.Hybrid;
using Xunit;

namespace Larder.Tests.Engine;

/// <summary>
/// Pooled buffers that the second level was given. A call that has not been answered may still read its buffer, so nobody
/// else may get it. All goes on on one thread here, whose part of the pool the test then looks through.
/// </summary>
public sealed class PayloadBufferTests
{
    [Fact]
    public void An_abandoned_buffer_does_not_go_back_to_the_pool()
    {
        Assert.True(IsEverPooled(() => Written(abandon: false)));
        Assert.False(IsEverPooled(() => Written(abandon: true)));

        static byte[] Written(bool abandon)
        {
            using var writer = new PayloadWriter(1_000);
            writer.Advance(1);
            if (abandon)
            {
                writer.Abandon();
            }

            return ArrayOf(writer.Written);
        }
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void The_buffer_of_a_value_that_is_set_is_kept_from_the_pool_unless_the_call_was_answered(bool answered, bool isKept) =>
        Assert.Equal(!isKept, IsEverPooled(() => BufferOf("Set", hasLeases: false, answered, cache => cache.SetAsync("key", 1))));

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void The_buffer_of_a_load_is_kept_from_the_pool_unless_the_call_was_answered(bool answered, bool isKept) =>
        Assert.Equal(!isKept, IsEverPooled(() => BufferOf("Set", hasLeases: false, answered, LoadAsync)));

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void The_buffer_of_a_load_with_a_lease_is_kept_from_the_pool_unless_the_call_was_answered(bool answered, bool isKept) =>
        Assert.Equal(!isKept, IsEverPooled(() => BufferOf("SetLeased", hasLeases: true, answered, LoadAsync)));

    private static async ValueTask LoadAsync(ScopedHybridCache cache) => Assert.Equal(1, await cache.GetOrCreateAsync("key", _ => new ValueTask<int>(1)));

    private static byte[] BufferOf(string call, bool hasLeases, bool answered, Func<ScopedHybridCache, ValueTask> act)
    {
        var level = new TestSecondLevel(hasLeases);
        using var engine = TestEngine.Create(level, null);
        if (!answered)
        {
            level.Before = (asked, _) => asked == call ? Task.FromException(new TimeoutException()) : Task.CompletedTask;
        }

        Assert.True(act(new ScopedHybridCache(engine, CacheScope.Raw)).IsCompletedSuccessfully);
        return ArrayOf(Assert.Single(level.HandedOver));
    }

    private static byte[] ArrayOf(ReadOnlyMemory<byte> memory)
    {
        Assert.True(MemoryMarshal.TryGetArray(memory, out var segment));
        return segment.Array!;
    }

    /// <summary>Whether any of several goes back. Where memory is short the collector empties the pool, perhaps just now.</summary>
    private static bool IsEverPooled(Func<byte[]> buffer) => Enumerable.Range(0, 20).Any(_ => IsPooled(buffer()));

    /// <summary>Whether the next ones to rent get the buffer.</summary>
    private static bool IsPooled(byte[] buffer)
    {
        var rented = Enumerable.Range(0, 1_000).Select(_ => ArrayPool<byte>.Shared.Rent(buffer.Length)).ToArray();
        foreach (var array in rented)
        {
            ArrayPool<byte>.Shared.Return(array);
        }

        return rented.Contains(buffer, ReferenceEqualityComparer.Instance);
    }
}
