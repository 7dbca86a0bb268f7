using System.Globalization;

namespace Larder.Health;

/// <summary>The servers' roles, and whether replicas follow their masters.</summary>
internal sealed class ReplicationProbe(LarderHealthOptions options, TimeProvider time) : IHealthProbe
{
    private readonly RecentMaximum _expected = new(time);

    public string Name => "replication";

    public async Task<Finding?> ProbeAsync(ProbeRun run, CancellationToken cancellationToken)
    {
        if (!run.HasServer)
        {
            return null;
        }

        var view = await run.ServerAsync().ConfigureAwait(false);
        var masters = await ServerView.InfoAsync(view.Masters).ConfigureAwait(false);
        if (masters.Count == 0)
        {
            return Finding.Unknown();
        }

        // By the client's view a master, by its own a replica: it was demoted and the client has not noticed yet.
        var demoted = masters.Count(static master => master.Info.Text("role") == "slave");
        var replicas = masters.SelectMany(static master => master.Info.Replicas()).ToArray();
        var online = replicas.Count(static replica => replica.IsOnline);
        var links = await ServerView.InfoAsync(view.Replicas).ConfigureAwait(false);
        var down = links.Count(static link => link.Info.Text("master_link_status") == "down");

        // A master that is away takes its replicas out of the count: that is no news about them.
        var expected = options.ExpectedReplicas ?? _expected.Observe(online);
        var lag = replicas.Max(static replica => replica.LagSeconds);
        var finding = Finding.Of(
            demoted != 0 ? "The server is a replica: writes are refused; memory still serves." : null,
            online < expected ? string.Create(CultureInfo.InvariantCulture, $"{online} of {expected} replicas follow.")
                : down != 0 ? "A replica has lost its master."
                : lag > options.MaximumReplicationLag.TotalSeconds ? string.Create(CultureInfo.InvariantCulture, $"A replica has not been heard by its master for {lag} s.")
                : null);
        return finding
            .With("role", demoted == 0 ? "master" : demoted == masters.Count ? "replica" : "mixed")
            .With("replicas", online)
            .With("expectedReplicas", expected)
            .With("linksDown", links.Count == 0 ? null : down)
            .With("lagSeconds", lag)
            .With("lagBytes", replicas.Max(static replica => replica.LagBytes));
    }
}
