using Larder.Engine;
using Larder.Hybrid;
using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests.Engine;

/// <summary>Stamps must outlive the entries that carry them, and are read anew while nothing proves them.</summary>
public sealed class StampLifeTests : IAsyncDisposable
{
    private readonly TestSecondLevel _level = new();
    private readonly FakeTimeProvider _time = new();
    private CacheEngine? _engine;

    public ValueTask DisposeAsync() => _engine?.DisposeAsync() ?? default;

    [Fact]
    public async Task Stamps_outlive_an_entry_whose_factory_makes_it_live_longer()
    {
        var cache = Cache(null);
        var longer = TimeSpan.FromDays(100);
        await cache.GetOrCreateAsync(
            "key",
            (CacheEntryContext entry, CancellationToken _) =>
            {
                entry.Expiration = longer;
                return new ValueTask<int>(1);
            },
            new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1) },
            ["tag"]);

        Assert.Single(_level.Keys);
        Assert.Equal(5, _level.StampLives.Count(stamp => stamp.Value > longer));
    }

    [Fact]
    public async Task Stamps_outlive_an_entry_that_is_asked_to_live_long()
    {
        var cache = Cache(null);
        var longer = TimeSpan.FromDays(100);
        await cache.GetOrCreateAsync("loaded", _ => new ValueTask<int>(1), new() { Expiration = longer }, ["one"]);
        await cache.SetAsync("set", 1, new() { Expiration = longer }, ["two"]);

        Assert.Equal(6, _level.StampLives.Count(stamp => stamp.Value > longer));
    }

    /// <summary>The clock is coarse: a stamp read in this very millisecond may be older than the invalidation this call follows.</summary>
    [Fact]
    public async Task Without_trust_a_stamp_read_before_the_call_is_not_used_even_in_the_same_moment()
    {
        var cache = Cache(new TestTransport());
        await cache.SetAsync("key", 1, tags: ["tag"]);
        Assert.Equal(1, await cache.GetOrCreateAsync("key", _ => new ValueTask<int>(2)));

        _level.ReplaceStamps();

        Assert.Equal(3, await cache.GetOrCreateAsync("key", _ => new ValueTask<int>(3)));
        Assert.False(_engine!.IsTrusted);
    }

    private ScopedHybridCache Cache(TestTransport? transport)
    {
        _engine = TestEngine.Create(_level, transport, time: _time);
        return new ScopedHybridCache(_engine, CacheScope.Raw);
    }
}
