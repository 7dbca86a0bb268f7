using System.Globalization;
using StackExchange.Redis;

namespace Larder.Health;

/// <summary>
/// Whether sentinels watch the master. They listen on a channel of it, so it can tell how many there are without a connection to
/// any of them.
/// </summary>
internal sealed class SentinelProbe(TimeProvider time) : IHealthProbe
{
    private static readonly RedisChannel Hello = RedisChannel.Literal("__sentinel__:hello");

    private readonly RecentMaximum _seen = new(time);

    public string Name => "sentinel";

    public async Task<Finding?> ProbeAsync(ProbeRun run, CancellationToken cancellationToken)
    {
        if (!run.HasServer)
        {
            return null;
        }

        var view = await run.ServerAsync().ConfigureAwait(false);
        if (!view.Multiplexer.Configuration.Contains("serviceName=", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        if (view.Masters.FirstOrDefault(static node => node.Server.IsConnected) is not { } master)
        {
            return Finding.Degraded("There is no master at the moment: the sentinels may be choosing one.");
        }

        var watching = await master.Server.SubscriptionSubscriberCountAsync(Hello).ConfigureAwait(false);
        var expected = _seen.Observe(watching);
        return Finding.Of(
                unhealthy: null,
                watching == 0 ? "No sentinel watches the master."
                    : watching <= expected / 2 ? string.Create(CultureInfo.InvariantCulture, $"{watching} of {expected} sentinels watch the master, too few to replace it.")
                    : null)
            .With("watching", watching)
            .With("expected", expected);
    }
}
