using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Diagnostics;

/// <summary>What is counted, on every back end.</summary>
public abstract class StatisticsContract : LarderContract
{
    private static readonly CacheScope Acme = new("acme", "web", "users");
    private static readonly CacheScope Globex = new("globex", "web", "users");

    [ContractFact]
    public async Task Each_read_counts_once_and_for_its_scope()
    {
        var node = await StartCountingAsync();
        var (acme, globex) = (node.Cache.InScope(Acme), node.Cache.InScope(Globex));
        for (var i = 0; i < 5; i++)
        {
            await acme.GetOrCreateAsync("key", _ => new ValueTask<string>("value"));
        }

        await globex.GetOrCreateAsync("key", _ => new ValueTask<string>("value"));
        await globex.TryGetAsync<string>("nothing");
        await acme.RemoveAsync("key");
        await acme.RemoveByTagAsync("tag");

        var statistics = Statistics(node);
        Assert.True(statistics.IsCounting);
        Assert.Equal((4, 1, 1, 2), Reads(statistics, Acme));
        Assert.Equal((0, 2, 1, 0), Reads(statistics, Globex));
        Assert.Equal(4, statistics.Total.Hits);
        Assert.Equal(3, statistics.Total.Misses);
        Assert.Equal(4d / 7, statistics.Total.HitRate);
        Assert.Equal(["acme", "globex"], statistics.ByTenant().Select(tenant => tenant.Tenant));
        Assert.Equal([("users", 4L)], statistics.ByNamespace().Select(name => (name.Namespace, name.Counts.Hits)));
    }

    [ContractFact]
    public async Task Not_found_is_a_hit_that_is_told_apart()
    {
        var node = await StartCountingAsync();
        for (var i = 0; i < 3; i++)
        {
            await node.Cache.GetOrCreateAsync("key", _ => new ValueTask<string?>((string?)null));
        }

        Assert.Equal((1, 2, 2), (Statistics(node).Total.Misses, Statistics(node).Total.Hits, Statistics(node).Total.NegativeHits));
        Assert.Equal(KeepsMemory ? 1 : 0, Statistics(node).Total.NegativeEntries);
    }

    [ContractFact]
    public async Task Loads_are_counted_with_their_time_and_their_failures()
    {
        var node = await StartCountingAsync();
        await node.Cache.GetOrCreateAsync("key", _ =>
        {
            Clock.Advance(TimeSpan.FromMilliseconds(30));
            return new ValueTask<string>("value");
        });
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await node.Cache.GetOrCreateAsync<string>("other", _ =>
        {
            Clock.Advance(TimeSpan.FromMilliseconds(10));
            throw new InvalidOperationException();
        }));

        var total = Statistics(node).Total;
        Assert.Equal((2, 1, TimeSpan.FromMilliseconds(20)), (total.Loads, total.FailedLoads, total.AverageLoadTime));
    }

    [ContractFact]
    public async Task Callers_that_join_a_load_are_neither_hits_nor_misses()
    {
        var node = await StartCountingAsync();
        var gate = new GatedFactory<string>();
        var first = node.Cache.GetOrCreateAsync("key", gate.LoadAsync).AsTask();
        await gate.Started;
        var second = node.Cache.GetOrCreateAsync("key", gate.LoadAsync).AsTask();
        gate.Answer("value");
        await Task.WhenAll(first, second);

        var total = Statistics(node).Total;
        Assert.Equal((0, 1, 1, 1), (total.Hits, total.Misses, total.JoinedLoads, total.Loads));
    }

    [ContractFact]
    public async Task A_stale_value_that_stands_in_is_counted()
    {
        var node = await StartCountingAsync(options => options.StaleIfError = TimeSpan.FromHours(1));
        await node.Cache.SetAsync("key", "old", new HybridCacheEntryOptions { Expiration = TimeSpan.FromSeconds(10) });
        await AdvanceAsync(TimeSpan.FromSeconds(11));
        Assert.Equal("old", await node.Cache.GetOrCreateAsync<string>("key", _ => throw new InvalidOperationException()));

        Assert.Equal(1, Statistics(node).Total.StaleServed);
    }

    [ContractFact]
    public async Task What_memory_holds_is_told_whether_or_not_anything_is_counted()
    {
        var before = Clock.GetUtcNow();
        await Cache.InScope(Acme).SetAsync("one", "value");
        Clock.Advance(TimeSpan.FromSeconds(1));
        await Cache.InScope(Acme).SetAsync("two", "value");

        var statistics = Statistics(Node);
        Assert.False(statistics.IsCounting);
        if (KeepsMemory)
        {
            var acme = Assert.Single(statistics.Scopes, scope => scope.Scope.Equals(Acme)).Counts;
            Assert.Equal(2, acme.Entries);
            Assert.Equal(Node.Engine!.Memory.Bytes, statistics.Total.Bytes);
            Assert.Equal(TimeSpan.FromSeconds(1), acme.Newest - acme.Oldest);
            Assert.InRange(acme.Oldest!.Value, before.AddMilliseconds(-1), before.AddMilliseconds(1));
        }
    }

    [ContractFact]
    public async Task Pages_of_a_scope_are_counted_with_its_data()
    {
        var node = await StartCountingAsync();
        var state = node.Engine!.Scope(Acme);
        await node.Cache.InScope(Acme).SetAsync("key", "value");
        await node.Engine.SetAsync(state.Pages, "page", "html", null, null, null, default);
        await node.Engine.GetOrCreateAsync(state.Pages, "page", "page", 0, static (_, _) => new ValueTask<string>("loaded"), null, null, default);

        var acme = Assert.Single(Statistics(node).Scopes).Counts;
        Assert.Equal(1, acme.Hits);
        if (KeepsMemory)
        {
            Assert.Equal((2, node.Engine.Memory.Bytes), (acme.Entries, acme.Bytes));
        }
    }

    [ContractFact]
    public async Task Off_nothing_is_counted_and_a_hit_allocates_nothing()
    {
        await Cache.SetAsync("key", "value");
        await Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("loaded"));
        if (KeepsMemory)
        {
            Assert.Equal(0, Allocated.ByHits(Cache));
        }

        var total = Statistics(Node).Total;
        Assert.Equal((0, 0, 0, 0), (total.Hits, total.Misses, total.Loads, total.Invalidations));
        Assert.All(Node.Engine!.Memory.Entries, entry => Assert.Null(entry.Use));
    }

    [ContractFact]
    public async Task On_a_hit_allocates_nothing_either()
    {
        var node = await StartCountingAsync();
        await node.Cache.SetAsync("key", "value");
        await node.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("loaded"));
        if (KeepsMemory)
        {
            Assert.Equal(0, Allocated.ByHits(node.Cache));
        }
    }

    [ContractFact]
    public async Task A_reset_begins_anew()
    {
        var node = await StartCountingAsync();
        await node.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("value"));
        var since = Statistics(node).Since;
        Clock.Advance(TimeSpan.FromMilliseconds(500));
        node.Services.GetRequiredService<ICacheAdmin>().ResetStatistics();

        Assert.Equal(0, Statistics(node).Total.Misses);
        Assert.Equal(TimeSpan.FromMilliseconds(500), Statistics(node).Since - since);
        await node.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("value"));
        Assert.Equal((1, 0), (Statistics(node).Total.Hits, Statistics(node).Total.Misses));
    }

    [ContractFact]
    public async Task Counts_of_eight_threads_add_up()
    {
        var node = await StartCountingAsync();
        var scopes = Enumerable.Range(0, 4).Select(i => node.Cache.InScope(new CacheScope($"tenant {i}"))).ToArray();
        foreach (var cache in scopes)
        {
            await cache.SetAsync("key", "value");
        }

        const int Rounds = 20_000;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Run(async () =>
        {
            for (var i = 0; i < Rounds / (KeepsMemory ? 1 : 100); i++)
            {
                await scopes[(i + thread) % 4].GetOrCreateAsync("key", _ => new ValueTask<string>("loaded"));
            }
        })));

        var statistics = Statistics(node);
        var expected = 8L * (Rounds / (KeepsMemory ? 1 : 100));

        // Over a foreign cache and on a slow machine some reads join others.
        Assert.Equal(expected, statistics.Total.Hits + statistics.Total.JoinedLoads);
        Assert.Equal(expected, statistics.Scopes.Sum(scope => scope.Counts.Hits + scope.Counts.JoinedLoads));
        Assert.Equal(0, statistics.Total.Misses);
        if (KeepsMemory)
        {
            Assert.Equal(statistics.Total.MemoryHits, node.Engine!.Memory.Entries.Sum(entry => entry.Use!.Hits));
        }
    }

    /// <summary>Whether this node keeps entries in memory of its own.</summary>
    protected virtual bool KeepsMemory => true;

    private static CacheStatistics Statistics(CacheNode node) => node.Services.GetRequiredService<ICacheAdmin>().GetStatistics();

    private static (long Hits, long Misses, long Loads, long Invalidations) Reads(CacheStatistics statistics, CacheScope scope)
    {
        var counts = Assert.Single(statistics.Scopes, found => found.Scope.Equals(scope)).Counts;
        return (counts.Hits, counts.Misses, counts.Loads, counts.Invalidations);
    }

    private Task<CacheNode> StartCountingAsync(Action<LarderOptions>? configure = null) => StartAsync(options =>
    {
        options.Statistics = true;
        configure?.Invoke(options);
    });
}

public sealed class InMemoryStatisticsTests : StatisticsContract
{
    private protected override Backend Backend { get; } = Backend.Memory();
}

public sealed class PlainDistributedStatisticsTests : StatisticsContract
{
    private protected override Backend Backend { get; } = Backend.Plain();
}

public sealed class ForeignStatisticsTests : StatisticsContract
{
    private protected override Backend Backend { get; } = Backend.Foreign();

    protected override bool KeepsMemory => false;
}

[NeedsServer(ServerKind.Redis)]
public sealed class RedisStatisticsTests : StatisticsContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.Redis);

    [ContractFact]
    public async Task Hits_are_told_apart_by_level()
    {
        await Cache.SetAsync("key", "value");
        var node = await StartAsync(options => options.Statistics = true);
        await node.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("loaded"));
        await node.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("loaded"));

        var total = node.Services.GetRequiredService<ICacheAdmin>().GetStatistics().Total;
        Assert.Equal((1, 1, 0), (total.MemoryHits, total.SecondLevelHits, total.Misses));
    }
}

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyStatisticsTests : StatisticsContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.Valkey);
}

[NeedsServer(ServerKind.RedisCluster)]
public sealed class RedisClusterStatisticsTests : StatisticsContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.RedisCluster);
}
