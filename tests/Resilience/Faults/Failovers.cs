using Larder.Resilience.Traffic;
using Larder.Tests.Shared;

namespace Larder.Resilience.Faults;

/// <summary>A master of a cluster is killed; its replica takes over, after the two seconds that the cluster gives it.</summary>
internal sealed class ClusterFailover(ServerKind kind) : Fault
{
    private ServerCluster _cluster = null!;
    private int _old;
    private int _new;

    public override string ConnectionString => _cluster.ConnectionString;

    public override async Task StartAsync() => _cluster = await TestServers.StartNewClusterAsync(kind);

    /// <summary>Of a slot that has some of the keys; a cluster of three has a third of them at each master.</summary>
    public override async Task BreakAsync(Load load)
    {
        _old = (await _cluster.MasterOfAsync(0)).Port;
        _new = (await _cluster.KillMasterAsync(0)).Port;
    }

    /// <summary>It lasts as long as the takeover took.</summary>
    public override Task HoldAsync(TimeSpan time) => Task.CompletedTask;

    public override Task<string?> WitnessAsync() => Task.FromResult(_new == _old ? null : "another master");

    public override Task MendAsync(Load load) => Task.CompletedTask;

    public override ValueTask DisposeAsync() => _cluster?.DisposeAsync() ?? default;
}

/// <summary>The master of a sentinel group is killed; the sentinels promote its replica.</summary>
internal sealed class SentinelFailover : Fault
{
    private SentinelGroup _group = null!;
    private int _old;
    private int _new;

    public override string ConnectionString => _group.ConnectionString;

    public override async Task StartAsync() => _group = await TestServers.StartNewSentinelAsync();

    public override async Task BreakAsync(Load load)
    {
        _old = (await _group.MasterAsync()).Port;
        _new = (await _group.KillMasterAsync()).Port;
    }

    public override Task HoldAsync(TimeSpan time) => Task.CompletedTask;

    public override Task<string?> WitnessAsync() => Task.FromResult(_new == _old ? null : "another master");

    public override Task MendAsync(Load load) => Task.CompletedTask;

    public override ValueTask DisposeAsync() => _group?.DisposeAsync() ?? default;
}
