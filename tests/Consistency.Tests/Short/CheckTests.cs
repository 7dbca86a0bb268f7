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
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        var verdict = await RunAsync(server, TimeSpan.FromSeconds(3), processes: false, FaultKind.None, Settings with { Broken = Broken.Leases }, Soon);
        Assert.True(verdict.OwnStale + verdict.OtherStale > 0, $"{verdict.Operations} operations without leases, and nothing was found.");
    }

    [ServerFact(ServerKind.Redis)]
    public async Task Without_stamps_the_check_fails()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        var verdict = await RunAsync(server, TimeSpan.FromSeconds(2), processes: false, FaultKind.None, Settings with { Broken = Broken.Stamps }, Soon);
        Assert.True(verdict.OwnStale > 0 && verdict.OtherStale > 0 && verdict.Lost > 0, $"{verdict.Operations} operations without stamps, and nothing was found.");
    }

    [ServerFact(ServerKind.Redis)]
    public async Task With_refreshes_that_lose_tags_the_check_fails()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);

        // With clocks that differ by more than entries live the nodes share next to nothing.
        var settings = Settings with { Policies = true, Broken = Broken.Refresh, ClockSkew = default };
        var verdict = await RunAsync(server, TimeSpan.FromSeconds(4), processes: false, FaultKind.None, settings, Soon);
        Assert.True(verdict.OwnStale + verdict.OtherStale > 0, $"{verdict.Operations} operations with refreshes that lose tags, and nothing was found.");
    }

    [Fact]
    public async Task A_cache_without_fences_and_backplane_fails()
    {
        var verdict = await RunAsync(null, TimeSpan.FromSeconds(2), processes: false, FaultKind.None, Settings with { Cache = CacheKind.Simple }, Soon);
        Assert.True(verdict.OwnStale > 0 && verdict.OtherStale > 0 && verdict.Lost > 0, $"{verdict.Operations} operations, and nothing was found.");
    }

    private static async Task HoldsAsync(ITestServer server, TimeSpan time, bool processes, FaultKind faults, NodeSettings? settings = null)
    {
        var verdict = await RunAsync(server, time, processes, faults, settings ?? Settings);
        Assert.True(verdict.Violations == 0, string.Join(Environment.NewLine, verdict.Traces.Concat(verdict.Failures).Prepend($"{verdict.Violations} violations")));
        Assert.True(verdict.Changes > 100 && verdict.Reads > 1_000, $"Only {verdict.Changes} changes and {verdict.Reads} reads were made.");
    }

    private static async Task<Verdict> RunAsync(ITestServer? server, TimeSpan time, bool processes, FaultKind faults, NodeSettings settings, TimeSpan? settle = null)
    {
        var check = new Check { Server = server, Settings = settings, Nodes = 2, Processes = processes, Faults = faults, Operations = long.MaxValue, AtMost = time, Settle = settle };
        return (await check.RunAsync()).Verdict;
    }
}
