using Larder.Consistency.Checking;
using Larder.Consistency.Faults;
using Larder.Consistency.Nodes;
using Larder.Tests.Shared;

namespace Larder.Consistency.Tests.Short;

/// <summary>G1 and G2, each for some seconds. The program of the same name runs for as long as one likes.</summary>
[Collection(OneAfterTheOther.Name)]
public sealed class CheckTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(300);

    private static readonly NodeSettings Settings = new()
    {
        Readers = 12,
        ClockSkew = TimeSpan.FromSeconds(10),
        BackplaneTimeout = TimeSpan.FromSeconds(1),
        LeaseDuration = TimeSpan.FromSeconds(1),
    };

    [ServerFact(ServerKind.Redis)]
    public async Task No_read_is_stale_in_one_process()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await HoldsAsync(server, TimeSpan.FromSeconds(5), processes: false, FaultKind.Flush | FaultKind.Evict | FaultKind.Reorder);
    }

    [ServerFact(ServerKind.Valkey)]
    public async Task No_read_is_stale_in_several_processes_with_faults()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Valkey);
        await HoldsAsync(server, TimeSpan.FromSeconds(8), processes: true, FaultKind.Subscriptions | FaultKind.Pause | FaultKind.Freeze | FaultKind.Drop);
    }

    [ServerFact(ServerKind.RedisCluster)]
    public async Task No_read_is_stale_while_a_cluster_fails_over()
    {
        await using var server = await TestServers.StartNewClusterAsync(ServerKind.RedisCluster);

        // Long enough that a second is left in which no failover is an excuse.
        await HoldsAsync(server, TimeSpan.FromSeconds(9), processes: false, FaultKind.Failover);
    }

    [ServerFact(ServerKind.Valkey)]
    public async Task No_read_is_stale_with_all_policies_and_a_source_that_fails()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Valkey);
        await HoldsAsync(server, TimeSpan.FromSeconds(6), processes: false, FaultKind.Flush | FaultKind.Reorder | FaultKind.Drop, Settings with { Policies = true, ClockSkew = default });
    }

    /// <summary>What finds nothing must be able to find something.</summary>
    [ServerFact(ServerKind.Redis)]
    public async Task Without_leases_the_check_fails()
    {
        var verdict = await FindAsync(TimeSpan.FromSeconds(3), Settings with { Broken = Broken.Leases }, static found => found.OwnStale + found.OtherStale > 0);
        Assert.True(verdict.OwnStale + verdict.OtherStale > 0, $"{verdict.Operations} operations without leases, and nothing was found.");
    }

    [ServerFact(ServerKind.Redis)]
    public async Task Without_stamps_the_check_fails()
    {
        var verdict = await FindAsync(TimeSpan.FromSeconds(2), Settings with { Broken = Broken.Stamps }, static found => found.OwnStale > 0 && found.OtherStale > 0 && found.Lost > 0);
        Assert.True(verdict.OwnStale > 0 && verdict.OtherStale > 0 && verdict.Lost > 0, $"{verdict.Operations} operations without stamps, and nothing was found.");
    }

    [ServerFact(ServerKind.Redis)]
    public async Task With_refreshes_that_lose_tags_the_check_fails()
    {
        // With clocks that differ by more than entries live the nodes share next to nothing.
        var settings = Settings with { Policies = true, Broken = Broken.Refresh, ClockSkew = default };
        var verdict = await FindAsync(TimeSpan.FromSeconds(4), settings, static found => found.OwnStale + found.OtherStale > 0);
        Assert.True(verdict.OwnStale + verdict.OtherStale > 0, $"{verdict.Operations} operations with refreshes that lose tags, and nothing was found.");
    }

    [Fact]
    public async Task A_cache_without_fences_and_backplane_fails()
    {
        var verdict = await Rounds.UntilAsync(
            () => RunAsync(null, TimeSpan.FromSeconds(2), processes: false, FaultKind.None, Settings with { Cache = CacheKind.Simple }, Soon),
            static found => found.OwnStale > 0 && found.OtherStale > 0 && found.Lost > 0);
        Assert.True(verdict.OwnStale > 0 && verdict.OtherStale > 0 && verdict.Lost > 0, $"{verdict.Operations} operations, and nothing was found.");
    }

    private static async Task HoldsAsync(ITestServer server, TimeSpan time, bool processes, FaultKind faults, NodeSettings? settings = null)
    {
        // A busy machine does less in the time, and is given more of it. What is promised must hold in each round. That messages come sooner than a node would notice their absence
        // shows in a round in which nothing holds them up.
        var (changes, reads, lag) = (0L, 0L, TimeSpan.MaxValue);
        for (var round = 0; round < 5 && (changes <= 100 || reads <= 1_000 || lag > Check.Window); round++)
        {
            await server.FlushAsync();
            var verdict = await RunAsync(server, time, processes, faults, settings ?? Settings, within: Settings.BackplaneTimeout + Check.Window);
            Assert.True(verdict.Violations == 0, string.Join(Environment.NewLine, verdict.Traces.Concat(verdict.Failures).Prepend($"{verdict.Violations} violations")));
            (changes, reads, lag) = (changes + verdict.Changes, reads + verdict.Reads, verdict.LongestLag < lag ? verdict.LongestLag : lag);
        }

        Assert.True(changes > 100 && reads > 1_000, $"Only {changes} changes and {reads} reads were made.");
        Assert.True(lag <= Check.Window, $"Another node was behind for {lag} in every round.");
    }

    /// <summary>Rounds on a server of their own until one finds what is broken, or the last.</summary>
    private static Task<Verdict> FindAsync(TimeSpan time, NodeSettings settings, Func<Verdict, bool> finds) => Rounds.UntilAsync(
        async () =>
        {
            await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
            return await RunAsync(server, time, processes: false, FaultKind.None, settings, Soon);
        },
        finds);

    private static async Task<Verdict> RunAsync(ITestServer? server, TimeSpan time, bool processes, FaultKind faults, NodeSettings settings, TimeSpan? settle = null, TimeSpan? within = null)
    {
        var check = new Check { Server = server, Settings = settings, Nodes = 2, Processes = processes, Faults = faults, Operations = long.MaxValue, AtMost = time, Settle = settle, OthersWithin = within ?? Check.Window };
        return (await check.RunAsync()).Verdict;
    }
}
