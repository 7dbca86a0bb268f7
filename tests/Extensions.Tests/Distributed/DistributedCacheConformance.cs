using System.Buffers;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Distributed;
using Xunit;

namespace Larder.Tests.Distributed;

/// <summary>What <see cref="IDistributedCache"/> means, checked over implementations as they are and over Larder's view of them.</summary>
public abstract class DistributedCacheConformance : IAsyncLifetime
{
    private static readonly byte[] Value = [1, 2, 3];

    private protected IDistributedCache Cache { get; private set; } = null!;

    /// <summary>Begins every key of this run.</summary>
    private protected string Id { get; } = Guid.NewGuid().ToString("N");

    private protected abstract Task<IDistributedCache> CreateAsync();

    /// <summary>Lets time pass for all keys of this run.</summary>
    private protected abstract Task PassAsync(TimeSpan time);

    /// <summary>Whether the implementation looks at cancellation tokens at all.</summary>
    private protected virtual bool IsCancellable => false;

    public virtual async Task InitializeAsync() => Cache = await CreateAsync();

    public virtual Task DisposeAsync() => Task.CompletedTask;

    [ContractFact]
    public async Task What_was_set_is_got_and_what_was_not_is_null()
    {
        Assert.Null(Cache.Get(Key("none")));
        Assert.Null(await Cache.GetAsync(Key("none")));
        Cache.Set(Key("sync"), Value, Hour());
        await Cache.SetAsync(Key("async"), Value, Hour());
        foreach (var key in new[] { Key("sync"), Key("async") })
        {
            Assert.Equal(Value, Cache.Get(key));
            Assert.Equal(Value, await Cache.GetAsync(key));
        }

        await Cache.SetAsync(Key("sync"), [9], Hour());
        Assert.Equal([9], Cache.Get(Key("sync")));
    }

    [ContractFact]
    public async Task Empty_large_and_odd_values_come_back()
    {
        var large = new byte[300_000];
        new Random(1).NextBytes(large);
        byte[][] values = [[], [0], "L"u8.ToArray(), [(byte)'L', 1], large, new byte[100_000]];
        foreach (var (value, i) in values.Select((value, i) => (value, i)))
        {
            await Cache.SetAsync(Key($"{i}"), value, Hour());
            Assert.Equal(value, await Cache.GetAsync(Key($"{i}")));
            Assert.Equal(value, Cache.Get(Key($"{i}")));
        }
    }

    [ContractFact]
    public async Task A_removed_value_is_gone_and_removing_nothing_is_no_error()
    {
        Cache.Set(Key("a"), Value, Hour());
        Cache.Set(Key("b"), Value, Hour());
        Cache.Remove(Key("a"));
        await Cache.RemoveAsync(Key("b"));
        Assert.Null(Cache.Get(Key("a")));
        Assert.Null(Cache.Get(Key("b")));
        Cache.Remove(Key("a"));
        await Cache.RemoveAsync(Key("none"));
        Cache.Refresh(Key("none"));
        await Cache.RefreshAsync(Key("none"));
    }

    [ContractFact]
    public async Task A_relative_expiration_ends_a_value_whether_it_is_read_or_not()
    {
        await Cache.SetAsync(Key("a"), Value, new() { AbsoluteExpirationRelativeToNow = TimeSpan.FromSeconds(100) });
        await PassAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(Value, await Cache.GetAsync(Key("a")));
        await Cache.RefreshAsync(Key("a"));
        await PassAsync(TimeSpan.FromSeconds(60));
        Assert.Null(await Cache.GetAsync(Key("a")));
    }

    /// <summary>Microsoft's implementations differ: one refuses it, one forgets it.</summary>
    [ContractFact]
    public async Task A_moment_in_the_past_keeps_nothing()
    {
        var past = new DistributedCacheEntryOptions { AbsoluteExpiration = DateTimeOffset.UnixEpoch };
        Assert.True(Record.Exception(() => Cache.Set(Key("a"), Value, past)) is null or ArgumentOutOfRangeException);
        Assert.Null(Cache.Get(Key("a")));
        Assert.True(await Record.ExceptionAsync(() => Cache.SetAsync(Key("a"), Value, past)) is null or ArgumentOutOfRangeException);
        Assert.Null(await Cache.GetAsync(Key("a")));
    }

    [ContractFact]
    public async Task A_sliding_expiration_begins_anew_with_each_read_and_refresh()
    {
        await Cache.SetAsync(Key("a"), Value, new() { SlidingExpiration = TimeSpan.FromSeconds(100) });
        Action[] touches = [() => Cache.Get(Key("a")), () => Cache.Refresh(Key("a")), () => Cache.GetAsync(Key("a")).Wait(), () => Cache.RefreshAsync(Key("a")).Wait()];
        foreach (var touch in touches)
        {
            await PassAsync(TimeSpan.FromSeconds(60));
            touch();
        }

        await PassAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(Value, Cache.Get(Key("a")));
        await PassAsync(TimeSpan.FromSeconds(101));
        Assert.Null(Cache.Get(Key("a")));
    }

    [ContractFact]
    public async Task Nulls_are_refused()
    {
        Assert.Throws<ArgumentNullException>(() => Cache.Get(null!));
        await Assert.ThrowsAsync<ArgumentNullException>(() => Cache.GetAsync(null!));
        Assert.Throws<ArgumentNullException>(() => Cache.Set(null!, Value, Hour()));
        Assert.Throws<ArgumentNullException>(() => Cache.Set(Key("a"), null!, Hour()));
        Assert.Throws<ArgumentNullException>(() => Cache.Set(Key("a"), Value, null!));
        await Assert.ThrowsAsync<ArgumentNullException>(() => Cache.SetAsync(null!, Value, Hour()));
        await Assert.ThrowsAsync<ArgumentNullException>(() => Cache.SetAsync(Key("a"), null!, Hour()));
        await Assert.ThrowsAsync<ArgumentNullException>(() => Cache.SetAsync(Key("a"), Value, null!));
        Assert.Throws<ArgumentNullException>(() => Cache.Remove(null!));
        await Assert.ThrowsAsync<ArgumentNullException>(() => Cache.RemoveAsync(null!));
        Assert.Throws<ArgumentNullException>(() => Cache.Refresh(null!));
        await Assert.ThrowsAsync<ArgumentNullException>(() => Cache.RefreshAsync(null!));
    }

    [ContractFact]
    public async Task A_cancelled_call_says_so()
    {
        if (!IsCancellable)
        {
            return;
        }

        var cancelled = new CancellationToken(canceled: true);
        await Cache.SetAsync(Key("a"), Value, Hour());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Cache.GetAsync(Key("a"), cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Cache.SetAsync(Key("a"), [9], Hour(), cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Cache.RefreshAsync(Key("a"), cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Cache.RemoveAsync(Key("a"), cancelled));
        Assert.Equal(Value, await Cache.GetAsync(Key("a")));
    }

    [ContractFact]
    public async Task Buffers_are_read_and_written_where_the_implementation_can()
    {
        if (Cache is not IBufferDistributedCache buffers)
        {
            return;
        }

        var split = Split([1, 2], [3]);
        buffers.Set(Key("sync"), split, Hour());
        await buffers.SetAsync(Key("async"), split, Hour());
        await buffers.SetAsync(Key("empty"), default, Hour());
        foreach (var (key, expected) in new[] { ("sync", Value), ("async", Value), ("empty", []) })
        {
            var target = new ArrayBufferWriter<byte>();
            target.Write("before"u8);
            Assert.True(buffers.TryGet(Key(key), target));
            Assert.True(await buffers.TryGetAsync(Key(key), target));
            Assert.Equal([.. "before"u8, .. expected, .. expected], target.WrittenSpan.ToArray());
            Assert.Equal(expected, Cache.Get(Key(key)));
        }

        var untouched = new ArrayBufferWriter<byte>();
        Assert.False(buffers.TryGet(Key("none"), untouched));
        Assert.False(await buffers.TryGetAsync(Key("none"), untouched));
        Assert.Equal(0, untouched.WrittenCount);
    }

    private static ReadOnlySequence<byte> Split(byte[] first, byte[] second)
    {
        var end = new Segment(second, first.Length);
        return new ReadOnlySequence<byte>(new Segment(first, 0, end), 0, end, second.Length);
    }

    private protected string Key(string name) => $"{Id} {name}";

    private static DistributedCacheEntryOptions Hour() => new() { AbsoluteExpirationRelativeToNow = TimeSpan.FromHours(1) };

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(byte[] memory, long runningIndex, Segment? next = null)
        {
            (Memory, RunningIndex, Next) = (memory, runningIndex, next);
        }
    }
}
