using System.Diagnostics;
using Larder.Resilience.Faults;
using Larder.Resilience.Figures;
using Larder.Resilience.Nodes;
using Larder.Resilience.Traffic;

namespace Larder.Resilience;

/// <summary>Callers on two nodes before, during and after a fault.</summary>
internal sealed class FaultRun(Fault fault)
{
    private const int NodeCount = 2;

    private static readonly TimeSpan LongestCall = TimeSpan.FromSeconds(30);

    private readonly PhaseClock _clock = new();
    private readonly TrafficKeys _keys = new();
    private readonly Failures _failures = new();
    private readonly TimeSpan[] _times = new TimeSpan[Enum.GetValues<Phase>().Length];
    private Source _source = null!;

    public Load Load { get; init; } = new();

    public NodeSettings Settings { get; init; } = new();

    public TimeSpan Warming { get; init; } = TimeSpan.FromSeconds(2);

    public TimeSpan Before { get; init; } = TimeSpan.FromSeconds(10);

    public TimeSpan During { get; init; } = TimeSpan.FromSeconds(10);

    public TimeSpan After { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long nodes are given to use the server again before that counts as never.</summary>
    public TimeSpan LongestRecovery { get; init; } = TimeSpan.FromSeconds(60);

    public async Task<Outcome> RunAsync()
    {
        _source = new Source(_clock);
        await using var ended = fault;
        await fault.StartAsync();
        if (fault.IsThereAtStart)
        {
            await fault.BreakAsync(Load);
        }

        var nodes = Enumerable.Range(0, NodeCount).Select(_ => new CacheNode(Settings, fault, _clock)).ToArray();
        var lag = new PoolLag(_clock);
        try
        {
            return await RunAsync(nodes, lag);
        }
        finally
        {
            await lag.DisposeAsync();
            foreach (var node in nodes)
            {
                await node.DisposeAsync();
            }
        }
    }

    private async Task<Outcome> RunAsync(CacheNode[] nodes, PoolLag lag)
    {
        using var stop = new CancellationTokenSource();
        var callers = Enumerable.Range(0, Load.Callers)
            .Select(i => new Caller(nodes[i % nodes.Length], _keys, _source, Load, _clock, _failures, Settings.Sabotage == Sabotage.MixesUp))
            .ToArray();
        var calling = callers.Select(caller => Task.Run(() => caller.RunAsync(stop.Token))).ToArray();

        await Task.Delay(Warming);
        if (!fault.IsThereAtStart)
        {
            await MeasureAsync(Phase.Before, () => Task.Delay(Before));
        }

        string? witness = null;
        await MeasureAsync(Phase.During, async () =>
        {
            if (!fault.IsThereAtStart)
            {
                await fault.BreakAsync(Load);
            }

            await fault.HoldAsync(During);
            witness = await fault.WitnessAsync();
            await fault.MendAsync(Load);
        });
        var recovery = new Recovery(nodes, LongestRecovery);
        await MeasureAsync(Phase.After, () => Task.WhenAll(Task.Delay(After), recovery.RunAsync(_failures)));
        await stop.CancelAsync();

        var ended = Task.WhenAll(calling);
        await Task.WhenAny(ended, Task.Delay(LongestCall));
        var hanging = ended.IsCompleted ? 0 : callers.Count(caller => caller.HangsFor(LongestCall / 2));
        for (var i = 0; i < hanging; i++)
        {
            _failures.Add($"A call had not ended after {LongestCall.TotalSeconds:0} s");
        }

        return new Outcome
        {
            Before = Figures(Phase.Before, callers, nodes, lag),
            During = Figures(Phase.During, callers, nodes, lag),
            After = Figures(Phase.After, callers, nodes, lag),
            Failed = callers.Sum(caller => Enum.GetValues<Phase>().Sum(phase => caller.Tally(phase).Failed)) + recovery.Failed + hanging,
            Wrong = callers.Sum(caller => Enum.GetValues<Phase>().Sum(phase => caller.Tally(phase).Wrong)) + recovery.Wrong,
            Recovery = recovery.Took,
            Witness = witness,
            Failures = _failures.Describe(),
        };
    }

    private async Task MeasureAsync(Phase phase, Func<Task> run)
    {
        var from = Stopwatch.GetTimestamp();
        _clock.Now = phase;
        await run();
        _times[(int)phase] = Stopwatch.GetElapsedTime(from);
    }

    private PhaseFigures Figures(Phase phase, Caller[] callers, CacheNode[] nodes, PoolLag lag)
    {
        var tallies = callers.Select(caller => caller.Tally(phase)).ToArray();
        var ticks = tallies.SelectMany(tally => tally.Ticks).ToArray();
        Array.Sort(ticks);
        return new PhaseFigures
        {
            Time = _times[(int)phase],
            Calls = ticks.Length,
            Failed = tallies.Sum(tally => tally.Failed),
            Wrong = tallies.Sum(tally => tally.Wrong),
            Median = PhaseFigures.Quantile(ticks, 0.5),
            P99 = PhaseFigures.Quantile(ticks, 0.99),
            Longest = PhaseFigures.Quantile(ticks, 1),
            Loads = _source.Loads(phase),
            LoadsWithoutServer = LoadsWithoutServer(phase, tallies, nodes[0].Options.BackplaneTimeout),
            SecondLevelHits = nodes.Sum(node => node.SecondLevelHits(phase)),
            PoolLag = lag.Worst(phase),
        };
    }

    /// <summary>
    /// Each node loads each key once per lifetime of its own copy, which without a server is BackplaneTimeout at the most, and again
    /// after each change. More than that is a stampede.
    /// </summary>
    private double LoadsWithoutServer(Phase phase, Tally[] tallies, TimeSpan longest)
    {
        var time = _times[(int)phase];
        var large = Load.LargeEvery == 0 && phase != Phase.During ? [] : _keys.Large;
        var expired = _keys.Short.Concat(_keys.Near).Concat(_keys.Long).Concat(large).Sum(key => 1 + (time / (key.Lifetime < longest ? key.Lifetime : longest)));
        return tallies.Sum(tally => (double)tally.Unavoidable)
            + (NodeCount * (expired + tallies.Sum(tally => (double)tally.KeyChanges) + (tallies.Sum(tally => (double)tally.TagRemovals) * _keys.LongKeysPerTag)));
    }
}
