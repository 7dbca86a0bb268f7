using System.Diagnostics;
using System.Globalization;
using Larder.Consistency.Checking;
using Larder.Consistency.Nodes;
using Larder.Tests.Shared;

namespace Larder.Consistency.Faults;

/// <summary>Injects one fault after the other, with enough time between them that what is promised afterwards can be seen.</summary>
internal sealed class FaultInjector(ITestServer? server, List<NodeHandle> nodes, Func<int, Task<NodeHandle>> replace, NodeSettings settings)
{
    private const int FillKeys = 5_000;

    private readonly Random _random = new(settings.Seed);

    /// <summary>When nodes may have been late, for the judge.</summary>
    public List<Disturbance> Disturbances { get; } = [];

    public Dictionary<FaultKind, int> Counts { get; } = [];

    // Time to notice, to connect again, and for the breaker to close.
    private TimeSpan Grace => settings.BackplaneTimeout + TimeSpan.FromSeconds(2);

    // After a takeover clients go on finding out who is who for a while, and subscriptions move.
    private TimeSpan GraceAfter(FaultKind kind) => kind is FaultKind.Failover or FaultKind.KillMaster ? Grace + TimeSpan.FromSeconds(3) : Grace;

    /// <summary>The servers that run now.</summary>
    public IReadOnlyList<Server> Servers => server switch
    {
        Server single => [single],
        ServerCluster cluster => [.. cluster.Nodes.Where(node => node.Process.IsRunning)],
        SentinelGroup group => [.. group.Servers.Where(node => node.Process.IsRunning)],
        _ => [],
    };

    public async Task RunAsync(FaultKind kinds, CancellationToken stop)
    {
        var possible = Enum.GetValues<FaultKind>().Where(kind => kind is not (FaultKind.None or FaultKind.All) && kinds.HasFlag(kind) && IsPossible(kind)).ToArray();
        if (possible.Length == 0)
        {
            return;
        }

        // Every kind once, in random order, then again.
        var queue = new Queue<FaultKind>();
        while (!stop.IsCancellationRequested)
        {
            if (queue.Count == 0)
            {
                _random.Shuffle(possible);
                queue = new Queue<FaultKind>(possible);
            }

            var kind = queue.Dequeue();
            var from = Stopwatch.GetTimestamp();
            var disturbed = await InjectAsync(kind);
            Counts[kind] = Counts.GetValueOrDefault(kind) + 1;

            // Those that are no excuse are noted too, for the traces.
            Disturbances.Add(new Disturbance(kind.ToString(), disturbed ?? Disturbance.Nobody, from, Stopwatch.GetTimestamp(), disturbed is null ? default : GraceAfter(kind)));

            await Task.Delay(disturbed is null ? TimeSpan.FromMilliseconds(500) : GraceAfter(kind) + TimeSpan.FromSeconds(1), stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private bool IsPossible(FaultKind kind) => kind switch
    {
        FaultKind.Pause or FaultKind.Kill => nodes[0] is RemoteNode,
        FaultKind.Failover or FaultKind.KillMaster => server is ServerCluster or SentinelGroup,
        FaultKind.Restart => server is Server,
        _ => true,
    };

    /// <summary>Does it, and says which node it may make late: all (-1), one, or none (null).</summary>
    private async Task<int?> InjectAsync(FaultKind kind)
    {
        var node = nodes[_random.Next(nodes.Count)];
        var time = TimeSpan.FromMilliseconds(_random.Next(300, 2_000));
        switch (kind)
        {
            case FaultKind.Drop:
                await node.DropAsync(time);
                await Task.Delay(time);
                return node.Number;
            case FaultKind.Reorder:
                await node.ReorderAsync(time);
                await Task.Delay(time);
                return null;
            case FaultKind.Subscriptions:
                await Task.WhenAll(Servers.Select(one => one.CommandAsync("CLIENT", "KILL", "TYPE", "pubsub")));
                return -1;
            case FaultKind.Connections:
                await Task.WhenAll(Servers.Select(one => one.DropClientsAsync()));
                return -1;
            case FaultKind.Flush:
                await server!.FlushAsync();
                return null;
            case FaultKind.Evict:
                await EvictAsync(time);
                return null;
            case FaultKind.Freeze:
                await FreezeAsync(time);
                return -1;
            case FaultKind.Restart:
                await ((Server)server!).RestartAsync();
                return -1;
            case FaultKind.Failover when server is SentinelGroup group:
                await group.FailoverAsync();
                return -1;
            case FaultKind.Failover:
                await ((ServerCluster)server!).FailoverAsync(_random.Next(ServerCluster.SlotCount));
                return -1;
            case FaultKind.KillMaster when server is SentinelGroup group:
                await group.KillMasterAsync();

                // Empty: with an old snapshot it would be a master that has forgotten until the sentinels make it a replica, and a few reads may slip in.
                await Task.WhenAll(group.Servers.Where(one => !one.Process.IsRunning).Select(one => one.RestartAsync(freshData: true)));
                await group.RestoreAsync();
                return -1;
            case FaultKind.KillMaster:
                await ((ServerCluster)server!).KillMasterAsync(_random.Next(ServerCluster.SlotCount));
                await ((ServerCluster)server!).RestoreAsync();
                return -1;
            case FaultKind.Pause:
                // Now and then for longer than a node is trusted without a sign of life.
                await ((RemoteNode)node).PauseAsync(_random.Next(2) == 0 ? time : time + settings.BackplaneTimeout);
                return node.Number;
            default:
                return await KillAsync((RemoteNode)node);
        }
    }

    private async Task<int?> KillAsync(RemoteNode node)
    {
        var index = nodes.IndexOf(node);
        await node.KillAsync();
        await node.DisposeAsync();
        nodes[index] = await replace(nodes.Max(other => other.Number) + 1);
        return -1;
    }

    private async Task FreezeAsync(TimeSpan time)
    {
        var frozen = Servers;
        await Task.WhenAll(frozen.Select(one => one.SuspendAsync()));
        await Task.Delay(time);
        foreach (var one in frozen)
        {
            one.Resume();
        }
    }

    private async Task EvictAsync(TimeSpan time)
    {
        var until = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);
        var servers = Servers;
        foreach (var one in servers)
        {
            var used = long.Parse((await one.InfoAsync("memory"))["used_memory"], CultureInfo.InvariantCulture);
            await one.LimitMemoryAsync(used + (512 * 1024), "allkeys-lru");
        }

        // Filled with what nobody reads, the server has to choose all the time, and its choice is a rough one.
        await Task.WhenAll(servers.Select(one => FillAsync(one, until)));
        foreach (var one in servers)
        {
            await one.LimitMemoryAsync(0);
        }

        await Task.WhenAll(servers.Select(one => RemoveFillAsync(one)));
    }

    private static async Task FillAsync(Server server, long until)
    {
        await using var connection = await server.OpenAsync();
        var junk = new string('x', 1_000);
        for (var i = 0; Stopwatch.GetTimestamp() < until; i++)
        {
            try
            {
                await connection.ExecuteAsync(["SET", Fill(i), junk]);
            }
            catch (RespException exception) when (exception.Code is "MOVED" or "READONLY" or "OOM")
            {
                // Another node of the cluster has this slot; or what its clients hold has grown so far that evicting makes no room.
            }
        }
    }

    private static async Task RemoveFillAsync(Server server)
    {
        await using var connection = await server.OpenAsync();
        for (var i = 0; i < FillKeys; i++)
        {
            try
            {
                await connection.ExecuteAsync(["DEL", Fill(i)]);
            }
            catch (RespException exception) when (exception.Code is "MOVED" or "READONLY")
            {
                // See above.
            }
        }
    }

    private static string Fill(int i) => string.Create(CultureInfo.InvariantCulture, $"fill:{i % FillKeys}");
}
