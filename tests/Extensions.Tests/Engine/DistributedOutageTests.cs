using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Engine;

/// <summary>An <see cref="IDistributedCache"/> without backplane: nothing but the engine's own calls shows that it is back.</summary>
public sealed class DistributedOutageTests : IAsyncLifetime
{
    private readonly SteppedClock _clock = new();
    private readonly TestDistributedCache _second;
    private CacheNode _one = null!;
    private CacheNode _two = null!;

    public DistributedOutageTests() => _second = new TestDistributedCache(_clock);

    public async Task InitializeAsync() => (_one, _two) = (await StartAsync(), await StartAsync());

    public async Task DisposeAsync()
    {
        await _one.DisposeAsync();
        await _two.DisposeAsync();
    }

    [Fact]
    public async Task While_the_store_fails_every_call_gets_its_value()
    {
        _second.Failure = new IOException("away");

        for (var i = 0; i < 50; i++)
        {
            Assert.Equal(i, await new CountedFactory<int>(i).ReadAsync(_one.Cache, $"key {i}", tags: ["tag"]));
        }

        await _one.Cache.SetAsync("key", 1);
        await _one.Cache.RemoveAsync("key");
        await _one.Cache.RemoveByTagAsync("tag");
    }

    [Fact]
    public async Task When_the_store_is_back_it_is_used_again_by_reads_alone()
    {
        _second.Failure = new IOException("away");
        for (var i = 0; i < 50; i++)
        {
            await new CountedFactory<int>(i).ReadAsync(_one.Cache, $"during {i}");
        }

        _second.Failure = null;
        for (var i = 0; i < 20; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(2));
            await new CountedFactory<int>(i).ReadAsync(_one.Cache, $"after {i}");
        }

        Assert.Equal(19, await PeekAsync(_two, "after 19"));
    }

    [Fact]
    public async Task An_entry_or_tag_removed_while_the_store_fails_is_gone_for_all_when_it_is_back()
    {
        await _one.Cache.SetAsync("removed", 1);
        await _one.Cache.SetAsync("tagged", 2, tags: ["tag"]);
        _second.Failure = new IOException("away");
        await _one.Cache.RemoveAsync("removed");
        await _one.Cache.RemoveByTagAsync("tag");
        Assert.Equal((0, 0), (await PeekAsync(_one, "removed"), await PeekAsync(_one, "tagged")));

        _second.Failure = null;
        _clock.Advance(TimeSpan.FromSeconds(10));
        await Shared.Poll.UntilAsync(() => _one.Engine!.PendingCount == 0, "the invalidations are replayed");

        Assert.Equal((0, 0), (await PeekAsync(_two, "removed"), await PeekAsync(_two, "tagged")));
    }

    [Fact]
    public async Task Another_nodes_invalidation_is_seen_within_the_stamp_age()
    {
        var age = new LarderOptions().StampAge;
        await _one.Cache.SetAsync("first", 1, tags: ["tag"]);
        await _one.Cache.SetAsync("second", 2, tags: ["tag"]);

        // Two learns the tag's stamp now, and reads the other entry only when the stamp is almost too old.
        Assert.Equal(1, await PeekAsync(_two, "first"));
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        await _one.Cache.RemoveByTagAsync("tag");
        _clock.Advance(age - TimeSpan.FromMilliseconds(100));
        _ = await PeekAsync(_two, "second");

        _clock.Advance(TimeSpan.FromMilliseconds(200));

        Assert.Equal((0, 0), (await PeekAsync(_two, "first"), await PeekAsync(_two, "second")));
    }

    private static ValueTask<int> PeekAsync(CacheNode node, string key) => Hybrid.HybridCacheContract.PeekAsync<int>(node.Cache, key);

    private Task<CacheNode> StartAsync()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton<TimeProvider>(_clock);
        services.AddSingleton<IDistributedCache>(_second);
        services.AddLarder();
        return CacheNode.StartAsync(services);
    }
}
