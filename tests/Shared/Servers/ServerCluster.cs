using System.Diagnostics;

namespace Larder.Tests.Shared;

/// <summary>A cluster of three masters with one replica each.</summary>
public sealed class ServerCluster : ITestServer
{
    /// <summary>How many slots a cluster has.</summary>
    public const int SlotCount = 16_384;

    // Servers give up a failover after five seconds.
    private static readonly TimeSpan FailoverAttempt = TimeSpan.FromSeconds(6);

    private readonly Server[] _nodes;

    private ServerCluster(ServerKind kind, Server[] nodes)
    {
        Kind = kind;
        _nodes = nodes;
    }

    /// <inheritdoc/>
    public ServerKind Kind { get; }

    /// <summary>All six nodes, dead ones included; the first three began as masters.</summary>
    public IReadOnlyList<Server> Nodes => _nodes;

    /// <inheritdoc/>
    public string ConnectionString => string.Join(',', _nodes.Select(node => node.EndPoint));

    private IEnumerable<Server> Alive => _nodes.Where(node => node.Process.IsRunning);

    /// <summary>Starts the nodes, joins them, and waits until every node serves every slot and every replica is in step.</summary>
    public static async Task<ServerCluster> StartAsync(ServerKind kind, CancellationToken cancellationToken = default)
    {
        var options = new ServerOptions
        {
            Lines =
            [
                "cluster-enabled yes",
                // Short, so that failovers are; long enough for a machine that is busy with other tests.
                "cluster-node-timeout 2000",
                // A replica that has just joined may stand for election, whatever it missed.
                "cluster-replica-validity-factor 0",
                "repl-diskless-sync yes",
                "repl-diskless-sync-delay 0",
            ],
        };
        var nodes = await ServerGroup.StartAsync(6, _ => Server.StartAsync(kind, options, cancellationToken));
        var cluster = new ServerCluster(kind, nodes);
        try
        {
            await new ClusterFormation(nodes).FormAsync(cancellationToken);
            await cluster.WaitUntilHealthyAsync(cancellationToken);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>The slot of a key.</summary>
    public async Task<int> SlotOfAsync(string key, CancellationToken cancellationToken = default) =>
        (int)(await Alive.First().CommandAsync(["CLUSTER", "KEYSLOT", key], cancellationToken)).Number;

    /// <summary>The master of a slot, as the living nodes see it.</summary>
    public Task<Server> MasterOfAsync(int slot, CancellationToken cancellationToken = default) =>
        SeenAsync(view => view.FirstOrDefault(node => node.Owns(slot)), $"slot {slot} has a master", cancellationToken);

    /// <summary>The replica of a slot's master.</summary>
    public Task<Server> ReplicaOfAsync(int slot, CancellationToken cancellationToken = default) =>
        SeenAsync(
            view => view.FirstOrDefault(node => node.Owns(slot)) is { } owner ? view.FirstOrDefault(node => node.MasterId == owner.Id && !node.IsFailed) : null,
            $"the master of slot {slot} has a replica",
            cancellationToken);

    /// <summary>Sends a command for a key to the node that has it.</summary>
    public async Task<RespValue> CommandAsync(string key, params string[] command) =>
        await (await MasterOfAsync(await SlotOfAsync(key))).CommandAsync(command);

    /// <summary>Moves a slot's mastership to the replica in good order; no acknowledged write is lost.</summary>
    /// <returns>The new master, known as such by every living node.</returns>
    public async Task<Server> FailoverAsync(int slot, CancellationToken cancellationToken = default)
    {
        var replica = await ReplicaOfAsync(slot, cancellationToken);
        var asked = default(long?);
        await Poll.UntilAsync(
            async () =>
            {
                if ((await replica.InfoAsync("replication", cancellationToken))["role"] == "master")
                {
                    return true;
                }

                // A busy machine may not come to it in the time that the servers give it.
                if ((asked is null || Stopwatch.GetElapsedTime(asked.Value) > FailoverAttempt) && await TryFailoverAsync(replica, cancellationToken))
                {
                    asked = Stopwatch.GetTimestamp();
                }

                return false;
            },
            $"{replica.EndPoint} takes over",
            TimeSpan.FromSeconds(60),
            cancellationToken);
        await WaitForMasterAsync(slot, replica, cancellationToken);
        return replica;
    }

    /// <summary>Kills a slot's master and waits until its replica is promoted. <see cref="RestoreAsync"/> brings the dead one back.</summary>
    /// <returns>The new master, known as such by every living node.</returns>
    public async Task<Server> KillMasterAsync(int slot, CancellationToken cancellationToken = default)
    {
        var replica = await ReplicaOfAsync(slot, cancellationToken);
        await (await MasterOfAsync(slot, cancellationToken)).KillAsync(cancellationToken);
        await WaitForMasterAsync(slot, replica, cancellationToken);
        return replica;
    }

    /// <summary>Starts dead nodes again and waits until all are in step. Masters stay where they are.</summary>
    public async Task RestoreAsync(CancellationToken cancellationToken = default)
    {
        foreach (var node in _nodes.Where(node => !node.Process.IsRunning))
        {
            await node.RestartAsync(cancellationToken: cancellationToken);
        }

        await WaitUntilHealthyAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async Task FlushAsync(CancellationToken cancellationToken = default)
    {
        foreach (var master in (await NodesAsync(Alive.First(), cancellationToken)).Where(node => node.IsMaster && !node.IsFailed))
        {
            await NodeAt(master.Port).FlushAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    /// <remarks>A write counts twice: at the master and at its replica.</remarks>
    public async Task<CommandCounts> CountCommandsAsync(CancellationToken cancellationToken = default) =>
        CommandCounts.Sum(await Task.WhenAll(Alive.Select(node => node.CountCommandsAsync(cancellationToken))));

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ServerGroup.EndAsync(_nodes);

    private static async Task<IReadOnlyList<ClusterNode>> NodesAsync(Server node, CancellationToken cancellationToken) =>
        ClusterNode.ParseAll(await node.CommandAsync(["CLUSTER", "NODES"], cancellationToken));

    // Refused when it has just taken over, and while its master does not answer it.
    private static async Task<bool> TryFailoverAsync(Server replica, CancellationToken cancellationToken)
    {
        try
        {
            await replica.CommandAsync(["CLUSTER", "FAILOVER"], cancellationToken);
            return true;
        }
        catch (RespException)
        {
            return false;
        }
    }

    // Nodes that a busy machine kept from answering each other pass for lost until they do.
    private async Task<Server> SeenAsync(Func<IReadOnlyList<ClusterNode>, ClusterNode?> look, string what, CancellationToken cancellationToken)
    {
        ClusterNode? seen = null;
        await Poll.UntilAsync(async () => (seen = look(await NodesAsync(Alive.First(), cancellationToken))) is not null, what, null, cancellationToken);
        return NodeAt(seen!.Port);
    }

    private Server NodeAt(int port) => _nodes.First(node => node.Port == port);

    private Task WaitForMasterAsync(int slot, Server master, CancellationToken cancellationToken) =>
        EveryNodeAsync(
            async node => (await NodesAsync(node, cancellationToken)).Any(seen => seen.Port == master.Port && seen.Owns(slot))
                && await IsOkAsync(node, cancellationToken),
            $"{master.EndPoint} is the master of slot {slot} for every node",
            cancellationToken);

    private Task WaitUntilHealthyAsync(CancellationToken cancellationToken) =>
        EveryNodeAsync(
            async node =>
            {
                var view = await NodesAsync(node, cancellationToken);
                return view.Count == _nodes.Length
                    && view.All(seen => seen is { IsFailed: false, IsLinked: true })
                    && await IsOkAsync(node, cancellationToken)
                    && (await node.InfoAsync("replication", cancellationToken)).GetValueOrDefault("master_link_status", "up") == "up"
                    && view.Where(seen => seen.IsMaster && seen.Slots.Count > 0).All(master => view.Any(seen => seen.MasterId == master.Id));
            },
            "every node sees six linked nodes, all slots served, and a replica for each master",
            cancellationToken);

    private static async Task<bool> IsOkAsync(Server node, CancellationToken cancellationToken) =>
        ServerInfo.Parse(await node.CommandAsync(["CLUSTER", "INFO"], cancellationToken))["cluster_state"] == "ok";

    private Task EveryNodeAsync(Func<Server, Task<bool>> condition, string what, CancellationToken cancellationToken) =>
        ServerGroup.SettledAsync(() => Alive, condition, what, cancellationToken);
}
