using Larder.Engine;
using Larder.Tags;
using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests.Engine;

public sealed class FlightTableTests : IAsyncDisposable
{
    private readonly CacheEngine _engine = TestEngine.InMemory();
    private readonly FlightTable _flights = new();
    private readonly MemoryKey _key;

    public FlightTableTests() => _key = new MemoryKey(_engine.Scope(new CacheScope("flights")), "key");

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    [Fact]
    public void A_load_is_joined_by_callers_who_ask_for_the_same()
    {
        Assert.False(Join<int>(_key, out var first));
        Assert.True(Join<int>(_key, out var second));

        Assert.Same(first, second);
        Assert.Equal(1, _flights.Count);
    }

    [Fact]
    public void A_load_is_not_joined_for_another_key_scope_type_or_flags()
    {
        Join<int>(_key, out _);

        Assert.False(Join<int>(new MemoryKey(_key.Scope, "Key"), out _));
        Assert.False(Join<int>(new MemoryKey(_engine.Scope(CacheScope.Raw), "key"), out _));
        Assert.False(Join<long>(_key, out _));
        Assert.False(_flights.JoinOrAdd<int>(_key, HybridCacheEntryFlags.DisableLocalCacheRead, _engine.Groups.Counter, null, true, out _));
        Assert.Equal(5, _flights.Count);
    }

    [Fact]
    public void A_load_is_not_joined_after_what_it_or_the_caller_depends_on_was_invalidated()
    {
        var mine = _key.Scope.Tag("mine");
        var theirs = _key.Scope.Tag("theirs");
        _flights.JoinOrAdd<int>(_key, default, _engine.Groups.Counter, [theirs], true, out var flight);
        Assert.True(flight.TryJoin(default, [mine]));

        _engine.Groups.Invalidate(mine);
        Assert.False(flight.TryJoin(default, [mine]));
        Assert.True(flight.TryJoin(default, null));

        _engine.Groups.Invalidate(theirs);
        Assert.False(flight.TryJoin(default, null));
    }

    [Fact]
    public void A_load_is_not_joined_after_its_scope_was_invalidated()
    {
        Join<int>(_key, out var flight);

        _engine.Groups.Invalidate(_key.Scope.Levels[1]);

        Assert.False(flight.TryJoin(default, null));
    }

    [Fact]
    public void A_load_that_all_callers_have_left_is_cancelled_and_not_joined()
    {
        Join<int>(_key, out var flight);
        Join<int>(_key, out _);
        flight.Leave();
        Assert.False(flight.Token.IsCancellationRequested);
        flight.Leave();

        Assert.True(flight.Token.IsCancellationRequested);
        Assert.False(Join<int>(_key, out var next));
        Assert.NotSame(flight, next);
    }

    [Fact]
    public void A_write_fences_the_loads_before_it_and_they_store_nothing()
    {
        Join<int>(_key, out var flight);
        var write = _flights.BeginWrite(_key);

        Assert.True(flight.IsFenced);
        Assert.False(flight.Store(0, _ => Assert.Fail("stored")));
        Assert.False(flight.TryBeginWrite());
        Assert.False(write.IsFenced);
        Assert.False(Join<int>(_key, out _));
    }

    [Fact]
    public async Task A_removal_waits_for_the_writes_under_way()
    {
        Join<int>(_key, out var flight);
        Assert.True(_flights.WritesEnd(_key).IsCompleted);
        Assert.True(flight.TryBeginWrite());
        var end = _flights.WritesEnd(_key);
        Assert.False(end.IsCompleted);
        Assert.True(_flights.WritesEnd(_key, spared: flight).IsCompleted);
        Assert.True(_flights.WritesEnd(new MemoryKey(_key.Scope, "other")).IsCompleted);

        flight.EndWrite();

        await end;
    }

    [Theory]
    [InlineData(0, 1, 2)]
    [InlineData(2, 1, 0)]
    [InlineData(1, 2, 0)]
    [InlineData(1, 0, 2)]
    public void Nothing_is_left_whatever_ends_first(int first, int second, int third)
    {
        Join<int>(_key, out var one);
        Join<long>(_key, out var two);
        KeyActivity[] activities = [one, two, _flights.BeginWrite(_key)];

        _flights.Remove(activities[first]);
        Assert.Equal(2, _flights.Count);
        _flights.Remove(activities[second]);
        Assert.Equal(1, _flights.Count);
        _flights.Remove(activities[third]);
        _flights.Remove(activities[third]);
        Assert.Equal(0, _flights.Count);
    }

    private bool Join<T>(MemoryKey key, out Flight<T> flight) => _flights.JoinOrAdd(key, default, _engine.Groups.Counter, (Group[]?)null, true, out flight);
}
