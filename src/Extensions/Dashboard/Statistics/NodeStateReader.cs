using Larder.Diagnostics;
using Larder.Engine;

namespace Larder.Dashboard;

/// <summary>Tells the state of this node. However many ask, the server is asked once in a while, and nobody waits long for its answer.</summary>
internal sealed class NodeStateReader(CacheEngine engine, ILarderStatus status, LarderMetrics metrics, TimeProvider time)
{
    private const int ShownNodes = 100;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private Task<LarderReport>? _asking;
    private long _askedAt;
    private LarderReport? _last;

    public async ValueTask<NodeState> ReadAsync(CancellationToken cancellationToken)
    {
        var report = await ReportAsync(cancellationToken).ConfigureAwait(false);
        var open = metrics.OpenBreakers;

        // A store of the application's cannot be asked; whether calls fail there is known all the same.
        bool? isReachable = !engine.HasSecondLevel ? null : report is { IsReachable: true } && !open.Contains(GuardedSecondLevel.BreakerName);
        return new NodeState(report?.Backend ?? _last?.Backend ?? "server", isReachable, open, engine.PendingCount, Backplane());
    }

    private BackplaneState? Backplane()
    {
        if (engine.Backplane is not { } backplane)
        {
            return null;
        }

        var now = engine.Clock.Now;
        var nodes = backplane.Heard;
        var latest = nodes.OrderByDescending(static node => node.At).Take(ShownNodes).Select(node => new NodeSeen(Name(node.Node), Math.Max(0, now - node.At)));
        return new BackplaneState(Name(backplane.Node), engine.IsTrusted, backplane.Lag, backplane.Gaps, backplane.QueueLength, nodes.Count, [.. latest]);
    }

    // Null: no answer yet.
    private async Task<LarderReport?> ReportAsync(CancellationToken cancellationToken)
    {
        Task<LarderReport> asking;
        lock (_lock)
        {
            // One that takes long is left to itself, and ends by its own limit.
            if (_asking is null || (_asking.IsCompleted && time.GetElapsedTime(_askedAt) >= Lifetime))
            {
                using (ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow())
                {
                    _asking = Task.Run(async () => await status.GetAsync(CancellationToken.None).ConfigureAwait(false), CancellationToken.None);
                }

                _askedAt = time.GetTimestamp();
            }

            asking = _asking;
        }

        try
        {
            return _last = await asking.WaitAsync(Patience, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    private static string Name(long node) => node.ToString("x16", System.Globalization.CultureInfo.InvariantCulture);
}
