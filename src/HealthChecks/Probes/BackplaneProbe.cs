using System.Globalization;
using Larder.Engine;

namespace Larder.Health;

/// <summary>Whether this node hears what it says to all, and so the others as well.</summary>
internal sealed class BackplaneProbe(CacheEngine engine, LarderHealthOptions options, TimeProvider time) : IHealthProbe
{
    public string Name => "backplane";

    public async Task<Finding?> ProbeAsync(ProbeRun run, CancellationToken cancellationToken)
    {
        if (engine.Backplane is not { } backplane)
        {
            return null;
        }

        var started = time.GetTimestamp();
        if (await backplane.EchoAsync(cancellationToken).ConfigureAwait(false) is { } failure)
        {
            return OnFailure(failure, default);
        }

        var took = time.GetElapsedTime(started);
        return State(Finding.Of(
            unhealthy: null,
            took >= options.DegradedLatency ? string.Create(CultureInfo.InvariantCulture, $"A message to the nodes takes {took.TotalMilliseconds:0} ms to arrive.")
                : !engine.IsTrusted ? "This node does not yet know all that the others have said; it compares what it holds with the server."
                : engine.PendingCount != 0 ? "Invalidations wait to be told to the other nodes."
                : null)
            .With("roundTripMilliseconds", Math.Round(took.TotalMilliseconds, 2)));
    }

    public Finding? OnFailure(Exception exception, TimeSpan timeout) =>
        State(Finding.Degraded("This node does not hear the others; it compares what it holds with the server.") with { Exception = exception });

    private Finding State(Finding finding) => finding
        .With("isHearing", engine.IsTrusted)
        .With("lagMilliseconds", engine.Backplane!.Lag)
        .With("gaps", engine.Backplane.Gaps)
        .With("queueLength", engine.Backplane.QueueLength)
        .With("pendingInvalidations", engine.PendingCount);
}
