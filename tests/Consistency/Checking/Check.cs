using System.Diagnostics;
using Larder.Consistency.Faults;
using Larder.Consistency.Nodes;
using Larder.Tests.Shared;

namespace Larder.Consistency.Checking;

/// <summary>A whole check: nodes, workers, faults, settling, a last look at everything, and the verdict.</summary>
internal sealed record Check
{
    /// <summary>How long other nodes may be behind when nothing disturbs them.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMilliseconds(250);

    /// <summary>By how much they may be behind before that is a violation; a check on a busy machine may hold them to what is promised instead, and look at the lag.</summary>
    public TimeSpan OthersWithin { get; init; } = Window;

    /// <summary>Null for the simple cache, which needs none.</summary>
    public ITestServer? Server { get; init; }

    public NodeSettings Settings { get; init; } = new();

    public int Nodes { get; init; } = 2;

    public bool Processes { get; init; }

    public FaultKind Faults { get; init; }

    /// <summary>Goes on until so many calls were made …</summary>
    public long Operations { get; init; } = 100_000;

    /// <summary>… or so much time is over.</summary>
    public TimeSpan AtMost { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long nothing is done before the last look; null for as long as a node may take to notice anything.</summary>
    public TimeSpan? Settle { get; init; }

    /// <summary>Told now and then how far it is.</summary>
    public Action<string>? Progress { get; init; }

    public async Task<(Verdict Verdict, FaultInjector Faults)> RunAsync()
    {
        var topology = Settings.Topology;
        var file = Path.GetTempFileName();
        var settings = Settings with { Server = Server?.ConnectionString ?? "" };
        using var source = Source.Open(topology, file);
        var store = settings.Cache == CacheKind.Simple ? new SimpleStore() : null;
        var nodes = new List<NodeHandle>();
        NodeHandle Make(int number) => Processes ? new RemoteNode(settings, number, file) : new LocalNode(settings, number, source, store);
        try
        {
            for (var i = 0; i < Nodes; i++)
            {
                nodes.Add(Make(i));
            }

            await Task.WhenAll(nodes.Select(node => node.ReadyAsync()));
            var injector = new FaultInjector(Server, nodes, async number =>
            {
                var node = Make(number);
                await node.ReadyAsync();
                await node.StartAsync();
                return node;
            }, settings);
            return (await RunAsync(topology, nodes, injector), injector);
        }
        finally
        {
            await Task.WhenAll(nodes.Select(node => node.DisposeAsync().AsTask()));
            File.Delete(file);
        }
    }

    private async Task<Verdict> RunAsync(Topology topology, List<NodeHandle> nodes, FaultInjector injector)
    {
        using var stalls = new StallWatch(Processes ? int.MaxValue : -1, Window);
        await using var servers = new ServerWatch(injector.Servers, Window);
        using var stop = new CancellationTokenSource();
        foreach (var node in nodes)
        {
            await node.StartAsync();
        }

        var injecting = Server is null ? Task.CompletedTask : Task.Run(() => injector.RunAsync(Faults, stop.Token));
        await WaitAsync(nodes, injecting);
        await stop.CancelAsync();
        await injecting;
        await Task.WhenAll(nodes.Select(node => node.StopAsync()));

        // From here on every invalidation is old, and every node has had the time to hear of it. After a takeover a node
        // must find the new server first, and then tell it what it had told the old one.
        var takeover = (Faults & (FaultKind.Failover | FaultKind.KillMaster)) != 0;
        await Task.Delay(Settle ?? (Settings.BackplaneTimeout + TimeSpan.FromSeconds(takeover ? 8 : 2)));
        await Task.WhenAll(nodes.Select(node => node.ReadAllAsync()));
        var history = new History();
        foreach (var node in nodes)
        {
            history.Add(await node.CollectAsync());
        }

        stalls.AddTo(history);
        await servers.AddToAsync(history);
        history.Disturbances.AddRange(injector.Disturbances);
        return new Judge(topology, history, OthersWithin).Decide();
    }

    private async Task WaitAsync(List<NodeHandle> nodes, Task injecting)
    {
        var started = Stopwatch.GetTimestamp();
        var reported = started;
        while (nodes.ToArray().Sum(node => node.Operations) is var done && done < Operations && Stopwatch.GetElapsedTime(started) < AtMost)
        {
            if (injecting.IsFaulted)
            {
                await injecting;
            }

            if (Stopwatch.GetElapsedTime(reported) > TimeSpan.FromSeconds(10))
            {
                reported = Stopwatch.GetTimestamp();
                Progress?.Invoke($"{done} operations after {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s");
            }

            await Task.Delay(100);
        }
    }
}
