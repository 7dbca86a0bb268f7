using Larder.Scopes;
using Larder.Tests.Shared;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Counters;

/// <summary>What counters and limiters promise, over memory and each kind of server.</summary>
public abstract partial class CounterContract(ServerKind? kind) : LarderContract
{
    private static readonly CacheScope Acme = new("acme");
    private static readonly CounterOptions Hour = new() { Expiration = TimeSpan.FromHours(1) };
    private static readonly CounterOptions SlidingHour = new() { Expiration = TimeSpan.FromHours(1), IsSliding = true };

    private ICacheCounters Counters => Of(Node);

    private protected override Backend Backend { get; } = kind is { } server ? Backend.Of(server) : Backend.Memory();

    [ContractFact]
    public async Task Increments_of_many_callers_on_several_nodes_add_up_exactly()
    {
        var nodes = await NodesAsync(3);
        var answers = await Task.WhenAll(Enumerable.Range(0, 600).Select(i => Task.Run(() => nodes[i % nodes.Length].IncrementAsync("key", 1, Hour).AsTask())));

        Assert.Equal(Enumerable.Range(1, 600).Select(i => (long)i), answers.Order());
        Assert.All(await Task.WhenAll(nodes.Select(node => node.GetAsync("key").AsTask())), value => Assert.Equal(600, value));
    }

    [ContractFact]
    public async Task A_counter_is_changed_by_the_amount_and_begins_at_zero()
    {
        Assert.Equal(0, await Counters.GetAsync("key"));
        Assert.Equal(5, await Counters.IncrementAsync("key", 5));
        Assert.Equal(3, await Counters.DecrementAsync("key", 2));
        Assert.Equal(-7, await Counters.DecrementAsync("key", 10));
        Assert.Equal(-8, await Counters.IncrementAsync("key", -1));
        Assert.Equal(-8, await Counters.IncrementAsync("key", 0));
        Assert.Equal(-8, await Counters.GetAsync("key"));
    }

    [ContractFact]
    public async Task A_counter_ends_its_expiration_after_the_first_change()
    {
        await Counters.IncrementAsync("key", 1, Hour);
        await AgeAsync(TimeSpan.FromMinutes(40));
        Assert.Equal(2, await Counters.IncrementAsync("key", 1, Hour));
        Assert.Equal(2, await Counters.GetAsync("key"));
        await AgeAsync(TimeSpan.FromMinutes(21));

        Assert.Equal(0, await Counters.GetAsync("key"));
        Assert.Equal(1, await Counters.IncrementAsync("key", 1, Hour));
    }

    [ContractFact]
    public async Task A_sliding_counter_ends_its_expiration_after_the_last_change_and_reads_do_not_prolong_it()
    {
        await Counters.IncrementAsync("key", 1, SlidingHour);
        await AgeAsync(TimeSpan.FromMinutes(40));
        Assert.Equal(2, await Counters.IncrementAsync("key", 1, SlidingHour));
        await AgeAsync(TimeSpan.FromMinutes(40));
        Assert.Equal(2, await Counters.GetAsync("key"));
        await AgeAsync(TimeSpan.FromMinutes(21));

        Assert.Equal(0, await Counters.GetAsync("key"));
    }

    [ContractFact]
    public async Task Without_options_the_expiration_is_the_namespaces_or_the_default()
    {
        var node = Of(await StartAsync(options =>
        {
            options.DefaultExpiration = TimeSpan.FromMinutes(10);
            options.Namespaces["long"] = new NamespaceOptions { DefaultExpiration = TimeSpan.FromMinutes(30) };
        }));
        var other = node.InScope(CacheScope.Shared("long"));
        await node.IncrementAsync("key");
        await other.IncrementAsync("key");
        await AgeAsync(TimeSpan.FromMinutes(9));
        Assert.Equal((1, 1), (await node.GetAsync("key"), await other.GetAsync("key")));
        await AgeAsync(TimeSpan.FromMinutes(2));
        Assert.Equal((0, 1), (await node.GetAsync("key"), await other.GetAsync("key")));
        await AgeAsync(TimeSpan.FromMinutes(20));
        Assert.Equal(0, await other.GetAsync("key"));
    }

    [ContractFact]
    public async Task A_counter_of_a_namespace_whose_entries_live_for_ever_counts_too()
    {
        var node = await StartAsync(options => options.Namespaces["kept"] = new NamespaceOptions { DefaultExpiration = TimeSpan.MaxValue });
        var counters = node.Services.GetRequiredService<ICacheCounters>().InScope(new CacheScope(null, null, "kept"));

        Assert.Equal(1, await counters.IncrementAsync("key"));
        Assert.Equal(2, await counters.IncrementAsync("key", options: new CounterOptions { IsSliding = true }));
    }

    [ContractFact]
    public async Task A_reset_sets_it_to_zero_for_all_nodes_and_begins_a_new_life()
    {
        var nodes = await NodesAsync(2);
        await nodes[0].IncrementAsync("key", 5, Hour);
        await AgeAsync(TimeSpan.FromMinutes(40));
        await nodes[^1].ResetAsync("key");
        Assert.Equal(0, await nodes[0].GetAsync("key"));
        Assert.Equal(1, await nodes[0].IncrementAsync("key", 1, Hour));
        await AgeAsync(TimeSpan.FromMinutes(40));

        Assert.Equal(1, await nodes[0].GetAsync("key"));
        await nodes[0].ResetAsync("never counted");
    }

    [ContractFact]
    public async Task Overflow_is_an_error_that_leaves_the_counter_as_it_was_and_is_no_failure_of_the_server()
    {
        Assert.Equal(long.MaxValue - 1, await Counters.IncrementAsync("high", long.MaxValue - 1));
        Assert.Equal(long.MinValue, await Counters.IncrementAsync("low", long.MinValue));
        for (var i = 0; i < 10; i++)
        {
            await Assert.ThrowsAsync<OverflowException>(() => Counters.IncrementAsync("high", 2).AsTask());
            await Assert.ThrowsAsync<OverflowException>(() => Counters.DecrementAsync("low").AsTask());
        }

        await Assert.ThrowsAsync<OverflowException>(async () => await Counters.DecrementAsync("low", long.MinValue));
        Assert.Equal(long.MaxValue, await Counters.IncrementAsync("high"));
        Assert.Equal(long.MinValue, await Counters.GetAsync("low"));
    }

    [ContractFact]
    public async Task No_two_scopes_or_keys_share_a_counter_whatever_their_characters()
    {
        string[] texts = ["", ":", "a", "a:b", "{a}", "}", "{", "}:count", "}:lease", "a}:count:0000000000000000", "%7B", "\0", "é", "e\u0301", "\uD800", "\uDFFF", new('x', 1_025), new('x', 1_026)];
        CacheScope[] scopes = [.. from tenant in (string?[])[null, "", "a", "a:p", "{"] from name in (string?[])[null, "", "b"] select new CacheScope(tenant, null, name)];
        var all = (from scope in scopes from text in texts select (Counters: Counters.InScope(scope), Key: text)).ToArray();
        for (var i = 0; i < all.Length; i++)
        {
            Assert.Equal(i + 1, await all[i].Counters.IncrementAsync(all[i].Key, i + 1, Hour));
        }

        for (var i = 0; i < all.Length; i++)
        {
            Assert.Equal(i + 1, await all[i].Counters.GetAsync(all[i].Key));
        }
    }

    [ContractFact]
    public async Task The_ambient_scope_counts_and_a_view_keeps_its_own()
    {
        await Counters.IncrementAsync("key", 1);
        using (CacheScope.Use(Acme))
        {
            Assert.Equal(0, await Counters.GetAsync("key"));
            await Counters.IncrementAsync("key", 2);
            Assert.Equal(1, await Counters.InScope(CacheScope.Raw).GetAsync("key"));
        }

        Assert.Equal((1, 2), (await Counters.GetAsync("key"), await Counters.InScope(Acme).GetAsync("key")));
    }

    [ContractFact]
    public async Task Counters_entries_and_limiters_of_one_key_do_not_meet()
    {
        await Cache.SetAsync("key", "value");
        await Counters.IncrementAsync("key", 7);
        await using var fixedWindow = Counters.CreateFixedWindowLimiter("key", Limit(3));
        await using var sliding = Counters.CreateSlidingWindowLimiter("key", Limit(3));
        using var one = await fixedWindow.AcquireAsync(3);
        using var two = await sliding.AcquireAsync(3);
        Assert.True(one.IsAcquired && two.IsAcquired);
        Assert.Equal(7, await Counters.GetAsync("key"));
        Assert.Equal("value", (await Cache.TryGetAsync<string>("key")).Value);

        await Cache.RemoveAsync("key");
        await Cache.RemoveByTagAsync("key");
        Assert.Equal(7, await Counters.GetAsync("key"));
        await Counters.ResetAsync("key");
        using var refused = await fixedWindow.AcquireAsync();
        Assert.False(refused.IsAcquired);
    }

    [ContractFact]
    public async Task A_clear_sets_the_counters_of_its_scopes_to_zero_and_no_others()
    {
        CacheScope[] scopes = [CacheScope.Raw, Acme, new("acme", "web"), new("acme", "web", "users"), new("globex", "web", "users"), new(null, "web")];
        var admin = Node.Services.GetRequiredService<ICacheAdmin>();
        await ClearsAsync(() => admin.ClearTenantAsync("acme"), scope => scope.Tenant == "acme");
        await ClearsAsync(() => admin.ClearProjectAsync("acme", "web"), scope => scope is { Tenant: "acme", Project: "web" });
        await ClearsAsync(() => admin.ClearNamespaceAsync(scopes[3]), scope => scope.Equals(scopes[3]));
        await ClearsAsync(() => admin.ClearGlobalAsync(), scope => scope.Tenant is null);
        await ClearsAsync(() => admin.ClearAllAsync(), _ => true);

        async Task ClearsAsync(Func<ValueTask> clear, Func<CacheScope, bool> reaches)
        {
            foreach (var scope in scopes)
            {
                await Counters.InScope(scope).ResetAsync("key");
                await Counters.InScope(scope).IncrementAsync("key", 3, Hour);
            }

            await clear();
            foreach (var scope in scopes)
            {
                Assert.Equal(reaches(scope) ? 0 : 3, await Counters.InScope(scope).GetAsync("key"));
                Assert.Equal(reaches(scope) ? 1 : 4, await Counters.InScope(scope).IncrementAsync("key", 1, Hour));
            }
        }
    }

    [ContractFact]
    public async Task A_clear_reaches_the_other_nodes_which_then_count_on_together()
    {
        var nodes = await NodesAsync(2);
        Assert.Equal(1, await nodes[0].InScope(Acme).IncrementAsync("key", 1, Hour));
        Assert.Equal(nodes.Length, await nodes[^1].InScope(Acme).IncrementAsync("key", nodes.Length - 1, Hour));
        await Node.Services.GetRequiredService<ICacheAdmin>().ClearTenantAsync("acme");
        await Poll.UntilAsync(async () => await nodes[^1].InScope(Acme).GetAsync("key") == 0, "the other node hears of the clear");

        Assert.Equal(1, await nodes[0].InScope(Acme).IncrementAsync("key", 1, Hour));
        Assert.Equal(2, await nodes[^1].InScope(Acme).IncrementAsync("key", 1, Hour));
        Assert.Equal(3, await nodes[0].InScope(Acme).IncrementAsync("key", 1, Hour));
    }

    [ContractFact]
    public async Task What_is_out_of_range_is_refused()
    {
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Counters.IncrementAsync(null!));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Counters.GetAsync(null!));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Counters.ResetAsync(null!));
        foreach (var expiration in new[] { TimeSpan.Zero, TimeSpan.FromTicks(-1), TimeSpan.MaxValue })
        {
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await Counters.IncrementAsync("key", 1, new CounterOptions { Expiration = expiration }));
        }

        Assert.Equal(1, await Counters.IncrementAsync("key", 1, new CounterOptions { Expiration = TimeSpan.FromDays(36_500), IsSliding = true }));
        var off = Of(await StartAsync(options => options.DefaultExpiration = TimeSpan.Zero));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await off.IncrementAsync("key"));
        await Assert.ThrowsAsync<OperationCanceledException>(async () => await Counters.IncrementAsync("cancelled", cancellationToken: new CancellationToken(true)));
        Assert.Equal(0, await Counters.GetAsync("cancelled"));
    }

    private static ICacheCounters Of(CacheNode node) => node.Services.GetRequiredService<ICacheCounters>();

    /// <summary>As many nodes as share counts: one where there is no server.</summary>
    private async Task<ICacheCounters[]> NodesAsync(int count)
    {
        var nodes = new List<ICacheCounters> { Counters };
        while (Backend.IsShared && nodes.Count < count)
        {
            nodes.Add(Of(await StartAsync(null)));
        }

        return [.. nodes];
    }

    /// <summary>Lets time pass for what is counted: by the clock, or by making what is at the server so much older.</summary>
    private async Task AgeAsync(TimeSpan by)
    {
        if (kind is not { } server)
        {
            Clock.Advance(by);
            return;
        }

        await using var connection = await ConnectionMultiplexer.ConnectAsync((await TestServers.GetAsync(server)).ConnectionString);
        var database = connection.GetDatabase();
        foreach (var endpoint in connection.GetServers().Where(endpoint => !endpoint.IsReplica))
        {
            // A server whose tables shrink meanwhile, because other tests' keys end, lists some twice.
            await foreach (var key in endpoint.KeysAsync(pattern: $"{{{ScopedKey.ApplicationPrefix(Backend.Prefix, "v1")}*").Distinct())
            {
                if (key.ToString().EndsWith(":lease", StringComparison.Ordinal))
                {
                    continue;
                }

                var left = await database.KeyTimeToLiveAsync(key);
                Assert.NotNull(left);
                if (left <= by)
                {
                    await database.KeyDeleteAsync(key);
                    continue;
                }

                await database.KeyExpireAsync(key, left - by);
                if (await database.KeyTypeAsync(key) == RedisType.Hash)
                {
                    await database.HashDecrementAsync(key, "s", (long)by.TotalMilliseconds);
                }
            }
        }
    }
}

public sealed class InMemoryCounterTests() : CounterContract(null);

[NeedsServer(ServerKind.Redis)]
public sealed class RedisCounterTests() : CounterContract(ServerKind.Redis);

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyCounterTests() : CounterContract(ServerKind.Valkey);

[NeedsServer(ServerKind.RedisCluster)]
public sealed class RedisClusterCounterTests() : CounterContract(ServerKind.RedisCluster);
