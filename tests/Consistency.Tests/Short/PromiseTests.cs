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

        // A loader that stands still for some seconds is not one that has died.
        var outcome = await new OneLoad(server) { Lease = TimeSpan.FromMinutes(1) }.ColdAsync();
        Assert.Equal((1, 1), (outcome.Loads, outcome.Values));
    }

    [ServerFact(ServerKind.Valkey)]
    public async Task A_loader_that_is_killed_holds_up_the_others_for_its_lease_at_most()
    {
        // The rest is for a machine that has other things to do. While it stands still the lease of the next loader may run out too.
        var (lease, load) = (TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(200));
        var outcome = await Rounds.UntilAsync(
            async () =>
            {
                await using var server = await TestServers.StartNewAsync(ServerKind.Valkey);
                return await new OneLoad(server) { Lease = lease, Load = load, Processes = 3 }.KilledAsync();
            },
            Holds);
        Assert.True(Holds(outcome), $"{outcome}");

        bool Holds(OneLoad.Outcome outcome) => outcome.Loads == 1 && outcome.Values == 1 && outcome.Longest < lease + load + TimeSpan.FromSeconds(3);
    }

    [ServerFact(ServerKind.Redis)]
    public async Task Removing_a_tag_costs_the_same_whatever_carries_it()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var node = new PlainNode(server.ConnectionString);
        await node.ReadyAsync();
        _ = await TagCost.MeasureAsync(node, server, 10);

        // Heartbeats are counted with the rest, and the slower the machine the more there are.
        var (few, many) = await Rounds.UntilAsync(
            async () => (Few: await TagCost.MeasureAsync(node, server, 100), Many: await TagCost.MeasureAsync(node, server, 20_000)),
            static cost => Math.Abs(cost.Many.Commands - cost.Few.Commands) <= 0.5 && cost.Many.BytesAllocated <= cost.Few.BytesAllocated * 2 && cost.Many.BytesAllocated >= cost.Few.BytesAllocated * 0.5);
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
        var delays = await Rounds.UntilAsync(() => load.DeliveryAsync(500), static delays => Median(delays) < TimeSpan.FromMilliseconds(10));
        Assert.InRange(Median(delays), TimeSpan.Zero, TimeSpan.FromMilliseconds(10));
        var (perSecond, perBatch) = await Rounds.UntilAsync(() => load.ThroughputAsync(TimeSpan.FromSeconds(1), 64), static load => load.PerSecond > 1_000 && load.PerBatch > 1);
        Assert.True(perSecond > 1_000 && perBatch > 1, $"{perSecond} messages a second, {perBatch} in a batch");

        static TimeSpan Median(TimeSpan[] delays) => delays[delays.Length / 2];
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
        var verdict = await Rounds.UntilAsync(
            () => new IndexSoak(server) { Entries = 500, Users = 20, Devices = 5 }.RunAsync(TimeSpan.FromSeconds(3)), static verdict => verdict.Violations.Count > 0 || HasWorked(verdict));
        Assert.Empty(verdict.Violations);
        Assert.True(HasWorked(verdict), $"{verdict.Writes} writes, {verdict.Reads} read, {verdict.Memberships} memberships");

        static bool HasWorked(IndexVerdict verdict) => verdict is { Writes: > 200, Reads: > 0, Memberships: > 0 };
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
        await using var one = new PlainNode(server.ConnectionString, Patient);
        await using var two = new PlainNode(server.ConnectionString, Patient);
        await Task.WhenAll(one.ReadyAsync(), two.ReadyAsync());
        var forever = new HybridCacheEntryOptions { Expiration = TimeSpan.MaxValue };
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(1, await one.Cache.GetOrCreateAsync($"key {i}", _ => ValueTask.FromResult(1), forever, [$"tag {i}"]));
            Assert.Equal(1, await two.Cache.GetOrCreateAsync($"key {i}", _ => ValueTask.FromResult(2), forever, [$"tag {i}"]));
        }

        // Who gets no answer in time, the first one over a new connection for instance, loads for itself.
        static void Patient(LarderOptions options) => options.SecondLevelTimeout = TimeSpan.FromSeconds(20);
    }
}
