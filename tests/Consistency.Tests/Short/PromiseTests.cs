using Larder.Consistency.Checking;
using Larder.Consistency.Nodes;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Consistency.Tests.Short;

/// <summary>G5, G6, G7 and the backplane, in small.</summary>
[Collection(OneAfterTheOther.Name)]
public sealed class PromiseTests
{
    [ServerFact(ServerKind.Redis)]
    public async Task A_thousand_callers_on_each_of_four_processes_make_one_load()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        var outcome = await new OneLoad(server).ColdAsync();
        Assert.Equal((1, 1), (outcome.Loads, outcome.Values));
    }

    [ServerFact(ServerKind.Valkey)]
    public async Task A_loader_that_is_killed_holds_up_the_others_for_its_lease_at_most()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Valkey);
        var check = new OneLoad(server) { Lease = TimeSpan.FromSeconds(1), Processes = 3 };
        var outcome = await check.KilledAsync();
        Assert.Equal((1, 1), (outcome.Loads, outcome.Values));

        // The rest is for a machine that has other things to do.
        Assert.True(outcome.Longest < check.Lease + check.Load + TimeSpan.FromSeconds(3), $"It took {outcome.Longest}.");
    }

    [ServerFact(ServerKind.Redis)]
    public async Task Removing_a_tag_costs_the_same_whatever_carries_it()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var node = new PlainNode(server.ConnectionString);
        await node.ReadyAsync();
        _ = await TagCost.MeasureAsync(node, server, 10);
        var few = await TagCost.MeasureAsync(node, server, 100);
        var many = await TagCost.MeasureAsync(node, server, 20_000);

        // Commands and allocations do not depend on what else the machine does. Heartbeats are counted with the rest.
        Assert.InRange(many.Commands, few.Commands - 0.5, few.Commands + 0.5);
        Assert.InRange(many.BytesAllocated, few.BytesAllocated * 0.5, few.BytesAllocated * 2);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Ever_new_keys_tags_and_namespaces_leave_memory_flat(bool withSecondLevel)
    {
        var samples = await new Soak { MemoryEntries = 5_000, WithSecondLevel = withSecondLevel }.RunAsync(150_000);
        var (settled, last) = (samples[samples.Count / 2], samples[^1]);
        Assert.True(last.Bytes < settled.Bytes * 1.3, $"{settled} grew to {last}");
        Assert.True(last.Entries <= 5_000 && last.Scopes < 1_000 && last.LiveTags < 10_000, $"{last}");
        Assert.Equal((0, 0), (last.Flights, last.Pending));
    }

    [ServerFact(ServerKind.Redis)]
    public async Task The_backplane_delivers_everything_in_milliseconds()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var load = new BackplaneLoad(server);
        var delays = await load.DeliveryAsync(500);
        Assert.InRange(delays[delays.Length / 2], TimeSpan.Zero, TimeSpan.FromMilliseconds(10));
        var (perSecond, perBatch) = await load.ThroughputAsync(TimeSpan.FromSeconds(1), 64);
        Assert.True(perSecond > 1_000 && perBatch > 1, $"{perSecond} messages a second, {perBatch} in a batch");
    }

    [Fact]
    public Task In_memory_each_index_holds_exactly_what_is_alive_and_belongs_to_it() => CheckIndexesAsync(null);

    [ServerTheory(ServerKind.Redis, ServerKind.ValkeyCluster)]
    [InlineData(ServerKind.Redis)]
    [InlineData(ServerKind.ValkeyCluster)]
    public async Task Each_index_holds_exactly_what_is_alive_and_belongs_to_it(ServerKind kind)
    {
        await using var server = kind == ServerKind.ValkeyCluster ? (ITestServer)await TestServers.StartNewClusterAsync(kind) : await TestServers.StartNewAsync(kind);
        await CheckIndexesAsync(server);
    }

    private static async Task CheckIndexesAsync(ITestServer? server)
    {
        var verdict = await new IndexSoak(server) { Entries = 500, Users = 20, Devices = 5 }.RunAsync(TimeSpan.FromSeconds(3));
        Assert.Empty(verdict.Violations);
        Assert.True(verdict is { Writes: > 200, Reads: > 0, Memberships: > 0 }, $"{verdict.Writes} writes, {verdict.Reads} read, {verdict.Memberships} memberships");
    }

    [ServerTheory(ServerKind.Redis, ServerKind.ValkeyCluster)]
    [InlineData(ServerKind.Redis)]
    [InlineData(ServerKind.ValkeyCluster)]
    public async Task Changes_that_two_processes_make_at_once_are_not_lost(ServerKind kind)
    {
        await using var server = kind == ServerKind.ValkeyCluster ? (ITestServer)await TestServers.StartNewClusterAsync(kind) : await TestServers.StartNewAsync(kind);
        Assert.Empty(await new LostChanges(server) { Changes = 20 }.RunAsync());
    }

    [ServerFact(ServerKind.Redis)]
    public async Task No_application_serves_a_page_that_another_has_changed()
    {
        await using var check = new StalePages(await TestServers.StartNewAsync(ServerKind.Redis)) { Requests = 5_000, Window = TimeSpan.FromSeconds(5) };
        var verdict = await check.RunAsync();
        Assert.Empty(verdict.Violations);
        Assert.True(verdict is { Hits: > 1_000, Changes: > 20 }, $"{verdict.Hits} hits, {verdict.Changes} changes");
    }

    [ServerFact(ServerKind.Redis)]
    public async Task Pages_that_changes_do_not_reach_are_found_out()
    {
        await using var check = new StalePages(await TestServers.StartNewAsync(ServerKind.Redis)) { Requests = 5_000, Broken = true };
        Assert.NotEmpty((await check.RunAsync()).Violations);
    }

    /// <summary>A stamp for entries that never end must not end them, nor the server's patience with its script.</summary>
    [ServerFact(ServerKind.Redis)]
    public async Task Entries_that_never_expire_are_shared()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var one = new PlainNode(server.ConnectionString);
        await using var two = new PlainNode(server.ConnectionString);
        var forever = new HybridCacheEntryOptions { Expiration = TimeSpan.MaxValue };
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(1, await one.Cache.GetOrCreateAsync($"key {i}", _ => ValueTask.FromResult(1), forever, [$"tag {i}"]));
            Assert.Equal(1, await two.Cache.GetOrCreateAsync($"key {i}", _ => ValueTask.FromResult(2), forever, [$"tag {i}"]));
        }
    }
}
