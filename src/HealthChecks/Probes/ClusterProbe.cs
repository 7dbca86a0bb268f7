using System.Globalization;

namespace Larder.Health;

/// <summary>Whether every slot of a cluster has a living master, and no node is lost.</summary>
internal sealed class ClusterProbe : IHealthProbe
{
    private const int SlotCount = 16_384;

    public string Name => "cluster";

    public async Task<Finding?> ProbeAsync(ProbeRun run, CancellationToken cancellationToken)
    {
        if (!run.HasServer)
        {
            return null;
        }

        var view = await run.ServerAsync().ConfigureAwait(false);
        if (!view.IsCluster)
        {
            return null;
        }

        // The client's own map may be a minute old. Any node will do; one that has just come back may not have heard yet.
        var asked = view.Masters.Concat(view.Replicas).Where(static node => node.Server.IsConnected).Take(3).Select(static node => node.AskAsync("CLUSTER", "NODES"));
        var answers = (await Task.WhenAll(asked).ConfigureAwait(false)).OfType<string>().Select(Read).ToArray();
        if (answers.Length == 0)
        {
            return Finding.Unknown();
        }

        var worst = answers.MinBy(static answer => (answer.Owned, -answer.Failed));
        return Finding.Of(
                worst.Owned < SlotCount ? string.Create(CultureInfo.InvariantCulture, $"{SlotCount - worst.Owned} slots of the cluster have no living master; memory still serves.") : null,
                worst.Failed != 0 ? string.Create(CultureInfo.InvariantCulture, $"{worst.Failed} nodes of the cluster are lost; all slots are served.") : null)
            .With("slotsOwned", worst.Owned)
            .With("slotsTotal", SlotCount)
            .With("nodes", worst.Nodes)
            .With("failedNodes", worst.Failed);
    }

    /// <summary>Reads CLUSTER NODES: <c>id address flags master ping pong epoch link slot…</c>, a line for each node.</summary>
    private static (int Owned, int Nodes, int Failed) Read(string text)
    {
        var owned = 0;
        var nodes = 0;
        var failed = 0;
        foreach (var fields in text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(static line => line.Split(' ')))
        {
            if (fields.Length < 8)
            {
                continue;
            }

            // "fail?" is the suspicion of one node, and no verdict yet. A node that was never met counts for nothing.
            var flags = fields[2].Split(',');
            if (flags.Contains("handshake") || flags.Contains("noaddr"))
            {
                continue;
            }

            nodes++;
            if (flags.Contains("fail"))
            {
                failed++;
            }
            else if (flags.Contains("master"))
            {
                owned += fields.Skip(8).Where(static slots => slots[0] != '[').Sum(CountSlots);
            }
        }

        return (owned, nodes, failed);
    }

    private static int CountSlots(string range)
    {
        var ends = range.Split('-');
        return int.Parse(ends[^1], CultureInfo.InvariantCulture) - int.Parse(ends[0], CultureInfo.InvariantCulture) + 1;
    }
}
