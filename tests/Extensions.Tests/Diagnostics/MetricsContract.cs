using Larder.Diagnostics;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Diagnostics;

/// <summary>What is measured, on every back end.</summary>
public abstract class MetricsContract : LarderContract
{
    private static readonly CacheScope Acme = new("acme", "web", "users");
    private static readonly CacheScope Globex = new("globex", "web", "users");
    private static readonly CacheScope Orders = new("acme", "web", "orders");

    [ContractFact]
    public async Task Each_read_is_measured_by_level_outcome_and_namespace()
    {
        using var measured = Measure(Node);
        var (users, others, orders) = (Cache.InScope(Acme), Cache.InScope(Globex), Cache.InScope(Orders));
        for (var i = 0; i < 4; i++)
        {
            await users.GetOrCreateAsync("key", _ => new ValueTask<string>("value"));
        }

        for (var i = 0; i < 3; i++)
        {
            await others.GetOrCreateAsync("nobody", _ => new ValueTask<string?>((string?)null));
        }

        await orders.GetOrCreateAsync("key", _ => new ValueTask<string>("value"));
        await orders.TryGetAsync<string>("nothing");
        await Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("value"));

        Assert.Equal((3, 2), (measured.Sum("larder.cache.hits fresh larder.namespace=users"), measured.Sum("larder.cache.hits not_found larder.namespace=users")));
        Assert.Equal((2, 0), (measured.Sum("larder.cache.misses load larder.namespace=users"), measured.Sum("larder.cache.hits orders")));
        Assert.Equal((1, 1), (measured.Sum("larder.cache.misses load larder.namespace=orders"), measured.Sum("larder.cache.misses nothing larder.namespace=orders")));
        Assert.Equal(5, measured.Sum("larder.cache.misses"));
        Assert.Equal(measured.Sum("larder.cache.hits"), measured.Sum($"larder.cache.hits {(KeepsMemory ? "memory" : "second")}"));
        Assert.Contains("larder.cache.misses larder.outcome=load", measured.All);
    }

    [ContractFact]
    public async Task Tenants_are_told_apart_only_where_that_is_asked_for()
    {
        using var quiet = Measure(Node);
        await Cache.InScope(Acme).GetOrCreateAsync("key", _ => new ValueTask<string>("value"));
        await Cache.InScope(Globex).GetOrCreateAsync("key", _ => new ValueTask<string>("value"));
        Assert.Equal(2, quiet.Count("larder.load.duration larder.namespace=users"));
        Assert.DoesNotContain(quiet.All, series => series.Contains("larder.tenant", StringComparison.Ordinal));

        var node = await StartAsync(options => options.TelemetryByTenant = true);
        using var measured = Measure(node);
        await node.Cache.InScope(Acme).RemoveAsync("key");
        await node.Cache.InScope(Acme).GetOrCreateAsync("key", _ => new ValueTask<string>("value"));
        await node.Cache.InScope(Orders).RemoveAsync("key");

        Assert.Equal(1, measured.Count("larder.load.duration larder.tenant=acme larder.namespace=users"));
        Assert.Equal(2, measured.Sum("larder.invalidations local larder.tenant=acme"));
        Assert.Equal(0, measured.Sum("larder.invalidations local larder.tenant=globex"));
    }

    [ContractFact]
    public async Task Stale_values_are_measured_with_the_reason()
    {
        var node = await StartAsync(options => options.StaleIfError = TimeSpan.FromHours(1));
        using var measured = Measure(node);
        var cache = node.Cache.InScope(Acme);
        await cache.SetAsync("key", "old", new HybridCacheEntryOptions { Expiration = TimeSpan.FromSeconds(10) });
        await AdvanceAsync(TimeSpan.FromSeconds(11));
        Assert.Equal("old", await cache.GetOrCreateAsync<string>("key", _ => throw new IOException()));

        Assert.Equal(1, measured.Sum("larder.cache.stale error larder.namespace=users"));
        Assert.Equal((1, 1), (measured.Count("larder.load.duration failed error.type=System.IO.IOException"), measured.Count("larder.load.duration")));
    }

    [ContractFact]
    public async Task A_value_kept_beyond_its_end_is_a_stale_hit()
    {
        var node = await StartAsync(options => options.StaleWhileRevalidate = TimeSpan.FromHours(1));
        using var measured = Measure(node);
        await node.Cache.SetAsync("key", "old", new HybridCacheEntryOptions { Expiration = TimeSpan.FromSeconds(10) });
        await AdvanceAsync(TimeSpan.FromSeconds(11));
        Assert.Equal("old", await node.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("new")));
        await Poll.UntilAsync(() => measured.Sum("larder.cache.refreshes stored") == 1, "the value is loaded in the background");

        Assert.Equal((1, 1), (measured.Sum("larder.cache.hits stale"), measured.Sum("larder.cache.stale kept")));
        Assert.Equal(0, measured.Sum("larder.cache.misses"));
    }

    [ContractFact]
    public async Task Loads_are_measured_in_seconds_with_what_they_gave()
    {
        using var measured = Measure(Node);
        await Cache.InScope(Acme).GetOrCreateAsync("key", _ =>
        {
            Clock.Advance(TimeSpan.FromMilliseconds(30));
            return new ValueTask<string>("value");
        });
        await Cache.InScope(Acme).GetOrCreateAsync("nobody", _ =>
        {
            Clock.Advance(TimeSpan.FromMilliseconds(20));
            return new ValueTask<string?>((string?)null);
        });
        await Assert.ThrowsAsync<TimeoutException>(async () => await Cache.InScope(Acme).GetOrCreateAsync<string>("other", _ =>
        {
            Clock.Advance(TimeSpan.FromMilliseconds(10));
            throw new TimeoutException();
        }));

        Assert.Equal(0.03, measured.Sum("larder.load.duration larder.outcome=found larder.namespace=users"), 6);
        Assert.Equal(0.02, measured.Sum("larder.load.duration larder.outcome=not_found"), 6);
        Assert.Equal(0.01, measured.Sum("larder.load.duration larder.outcome=failed error.type=timeout"), 6);
        Assert.Equal(3, measured.Count("larder.load.duration"));
    }

    [ContractFact]
    public async Task Who_takes_the_result_of_anothers_load_is_neither_hit_nor_miss()
    {
        using var measured = Measure(Node);
        var gate = new GatedFactory<string>();
        var first = Cache.GetOrCreateAsync("key", gate.LoadAsync).AsTask();
        await gate.Started;
        var second = Cache.GetOrCreateAsync("key", gate.LoadAsync).AsTask();
        gate.Answer("value");
        await Task.WhenAll(first, second);

        Assert.Equal((1, 1, 0, 1), (measured.Sum("larder.cache.joined"), measured.Sum("larder.cache.misses"), measured.Sum("larder.cache.hits"), measured.Count("larder.load.duration")));
    }

    [ContractFact]
    public async Task Waiting_for_a_lock_is_measured_with_how_it_ended()
    {
        using var measured = Measure(Node);
        var locks = Node.Services.GetRequiredService<ICacheLocks>().InScope(Acme);
        var local = new CacheLockOptions { IsLocal = true };
        await using (await locks.AcquireAsync("report", local))
        {
            Assert.Null(await locks.TryAcquireAsync("report", local));
            using var cancellation = new CancellationTokenSource();
            var waits = locks.AcquireAsync("report", local, cancellation.Token).AsTask();
            Clock.Advance(TimeSpan.FromMilliseconds(40));
            await cancellation.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waits);
        }

        Assert.Equal(
            (1, 1, 1),
            (measured.Count("larder.lock.wait.duration acquired users"), measured.Count("larder.lock.wait.duration not_free users"), measured.Count("larder.lock.wait.duration cancelled users")));
        Assert.Equal(0.04, measured.Sum("larder.lock.wait.duration"), 6);
    }

    [ContractFact]
    public async Task Memory_shows_what_it_holds_and_what_has_left_it()
    {
        using var measured = Measure(Node);
        var cache = Cache.InScope(Acme);
        await cache.SetAsync("one", "value");
        await cache.SetAsync("two", "value");
        await cache.GetOrCreateAsync("nobody", _ => new ValueTask<string?>((string?)null));
        await cache.RemoveAsync("two");

        Assert.Equal((KeepsMemory ? 1 : 0, KeepsMemory ? 1 : 0), (measured.Observe("larder.memory.entries value"), measured.Observe("larder.memory.entries not_found")));
        Assert.Equal(Node.Engine!.Memory.Bytes, measured.Observe("larder.memory.usage"));
        Assert.Equal(KeepsMemory ? 1 : 0, measured.Sum("larder.memory.departures removed larder.namespace=users"));
        Assert.Equal((0, 0), (measured.Observe("larder.invalidations.pending"), measured.Observe("larder.backplane.queue")));

        // Nobody shows what is no more.
        await Node.Engine.DisposeAsync();
        Assert.Equal(0, measured.Observe("larder.memory.usage"));
    }

    [ContractFact]
    public async Task Invalidations_are_measured_by_kind_origin_and_namespace()
    {
        var other = await StartAsync(null);
        await other.Cache.InScope(Acme).GetOrCreateAsync("key", _ => new ValueTask<string>("value"));
        using var here = Measure(Node);
        using var there = Measure(other);
        await Cache.InScope(Acme).RemoveAsync("key");
        await Cache.InScope(Acme).RemoveByTagAsync("tag");
        await Cache.InScope(Acme).RemoveByTagAsync("*");
        await Node.Services.GetRequiredService<ICacheAdmin>().ClearTenantAsync("acme");

        Assert.Equal(
            (1, 1, 1, 2),
            (here.Sum("larder.invalidations key local users"), here.Sum("larder.invalidations tag local users"), here.Sum("larder.invalidations level local users"), here.Sum("larder.invalidations level local")));
        if (Backend.IsShared)
        {
            await Poll.UntilAsync(() => there.Sum("larder.invalidations level remote") == 2, "the other node hears of all");
            Assert.Equal((1, 1), (there.Sum("larder.invalidations key remote users"), there.Sum("larder.invalidations tag remote users")));
            Assert.Equal(0, there.Sum("larder.invalidations local") + here.Sum("larder.invalidations remote"));
        }
    }

    [ContractFact]
    public async Task No_measurement_holds_a_key_a_tag_a_value_or_a_tenant()
    {
        const string Marker = "s3cret";
        var node = await StartAsync(options => options.StaleIfError = TimeSpan.FromHours(1));
        using var measured = Measure(node);
        var cache = node.Cache.InScope(new CacheScope($"tenant {Marker}", $"project {Marker}", "users"));
        for (var i = 0; i < 2; i++)
        {
            await cache.GetOrCreateAsync($"key {Marker}", _ => new ValueTask<string>($"value {Marker}"), tags: [$"tag {Marker}"]);
        }

        await Assert.ThrowsAsync<IOException>(async () => await cache.GetOrCreateAsync<string>($"other {Marker}", _ => throw new IOException($"message {Marker}")));
        await cache.RemoveByTagAsync($"tag {Marker}");
        await cache.RemoveAsync($"key {Marker}");
        await node.Services.GetRequiredService<ICacheAdmin>().ClearTenantAsync($"tenant {Marker}");

        Assert.NotEmpty(measured.All);
        Assert.DoesNotContain(measured.All, series => series.Contains(Marker, StringComparison.Ordinal));
    }

    [ContractFact]
    public async Task A_hit_allocates_nothing_whether_or_not_it_is_measured()
    {
        if (!KeepsMemory)
        {
            return;
        }

        var cache = Cache.InScope(Acme);
        await cache.SetAsync("key", "value");
        Assert.Equal(0, Allocated.ByHits(cache));
        using var measured = new HitsListener(Node.Services.GetRequiredService<LarderMetrics>());
        Assert.Equal(0, Allocated.ByHits(cache, out var hits));
        Assert.Equal(hits, measured.Sum);
    }

    /// <summary>Whether this node keeps entries in memory of its own.</summary>
    protected virtual bool KeepsMemory => true;

    private protected static Measurements Measure(CacheNode node) => new(node.Services.GetRequiredService<LarderMetrics>());
}

/// <summary>A contract of its own for back ends with a server.</summary>
public abstract class ServerMetricsContract : MetricsContract
{
    [ContractFact]
    public async Task Operations_at_the_second_level_are_measured_by_name()
    {
        using var measured = Measure(Node);
        await Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("value"), tags: ["tag"]);
        await Cache.SetAsync("other", "value");
        await Cache.RemoveAsync("key");
        await Cache.RemoveByTagAsync("tag");

        Assert.Equal(
            (1, 1, 1, 1),
            (measured.Count("larder.second_level.duration larder.operation=get"),
                measured.Count("larder.second_level.duration larder.operation=set_leased"),
                measured.Count("larder.second_level.duration larder.operation=set"),
                measured.Count("larder.second_level.duration larder.operation=remove")));
        Assert.Equal(2, measured.Count("larder.second_level.duration larder.operation=set_stamp"));
        Assert.DoesNotContain(measured.All, series => series.Contains("error.type", StringComparison.Ordinal));
    }

    [ContractFact]
    public async Task A_load_that_waits_for_another_node_is_measured()
    {
        var other = await StartAsync(null);
        using var measured = Measure(other);
        var gate = new GatedFactory<string>();
        var load = Cache.GetOrCreateAsync("key", gate.LoadAsync).AsTask();
        await gate.Started;
        var waits = other.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("not asked")).AsTask();
        await Poll.UntilAsync(() => measured.Count("larder.second_level.duration larder.operation=lease") >= 2, "the other node has asked for the lease and asks again");
        Clock.Advance(TimeSpan.FromSeconds(2));
        gate.Answer("value");

        Assert.Equal("value", await waits);
        await load;
        Assert.Equal((1, 2), (measured.Count("larder.lease.wait.duration larder.outcome=found"), measured.Sum("larder.lease.wait.duration")));
        Assert.Equal(0, measured.Count("larder.load.duration"));
    }

    [ContractFact]
    public async Task The_lag_of_the_backplane_is_measured_by_what_comes_back()
    {
        using var measured = Measure(Node);
        Assert.Null(await Node.Engine!.Backplane!.EchoAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(60)));

        Assert.NotEqual(0, measured.Count("larder.backplane.lag"));
        Assert.Equal(0, measured.Sum("larder.backplane.gaps"));
    }
}

public sealed class InMemoryMetricsTests : MetricsContract
{
    private protected override Backend Backend { get; } = Backend.Memory();
}

public sealed class PlainDistributedMetricsTests : MetricsContract
{
    private protected override Backend Backend { get; } = Backend.Plain();
}

public sealed class ForeignMetricsTests : MetricsContract
{
    private protected override Backend Backend { get; } = Backend.Foreign();

    protected override bool KeepsMemory => false;
}

[NeedsServer(ServerKind.Redis)]
public sealed class RedisMetricsTests : ServerMetricsContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.Redis);

    [ContractFact]
    public async Task Hits_are_told_apart_by_level()
    {
        await Cache.SetAsync("key", "value");
        var node = await StartAsync(null);
        using var measured = Measure(node);
        await node.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("loaded"));
        await node.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("loaded"));

        Assert.Equal((1, 1, 0), (measured.Sum("larder.cache.hits memory"), measured.Sum("larder.cache.hits second"), measured.Sum("larder.cache.misses")));
    }
}

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyMetricsTests : ServerMetricsContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.Valkey);
}

[NeedsServer(ServerKind.RedisCluster)]
public sealed class RedisClusterMetricsTests : ServerMetricsContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.RedisCluster);
}
