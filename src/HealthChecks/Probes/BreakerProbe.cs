using Larder.Diagnostics;
using Larder.Engine;

namespace Larder.Health;

/// <summary>Whether the cache has lately failed so often that it does not try. A server that answers may still fail its calls, or messages alone.</summary>
internal sealed class BreakerProbe(LarderMetrics metrics) : IHealthProbe
{
    public string Name => "breakers";

    public Task<Finding?> ProbeAsync(ProbeRun run, CancellationToken cancellationToken)
    {
        var open = metrics.OpenBreakers;
        var finding = Finding.Of(
            unhealthy: null,
            open.Count == 0 ? null
                : open.Contains(GuardedSecondLevel.BreakerName) ? "Calls to the second level fail; memory still serves."
                : open.Contains(Backplane.BackplaneChannel.BreakerName) ? "Messages to the other nodes cannot be sent; invalidations are kept until they can."
                : "Encryption keys cannot be had; what needs them is not cached.");
        return Task.FromResult<Finding?>(finding.With("open", open.Count == 0 ? null : string.Join(", ", open)));
    }
}
