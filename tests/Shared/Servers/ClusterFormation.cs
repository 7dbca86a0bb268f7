using System.Globalization;

namespace Larder.Tests.Shared;

/// <summary>Joins six strangers into a cluster: the first three get the slots, the others follow one each.</summary>
internal sealed class ClusterFormation(Server[] nodes)
{
    private const int Masters = 3;

    internal async Task FormAsync(CancellationToken cancellationToken)
    {
        for (var i = 0; i < nodes.Length; i++)
        {
            // Every node needs an epoch of its own; left alone they would sort that out by collisions, which takes seconds.
            await nodes[i].CommandAsync(["CLUSTER", "SET-CONFIG-EPOCH", Text(i + 1)], cancellationToken);
            if (i < Masters)
            {
                await nodes[i].CommandAsync(["CLUSTER", "ADDSLOTS", .. SlotsOf(i)], cancellationToken);
            }
        }

        // Everyone meets everyone: gossip alone would spread the word, one random node a second.
        foreach (var node in nodes)
        {
            foreach (var other in nodes.Where(other => other != node))
            {
                await node.CommandAsync(["CLUSTER", "MEET", "127.0.0.1", Text(other.Port)], cancellationToken);
            }
        }

        await Task.WhenAll(nodes.Skip(Masters).Select((replica, i) => FollowAsync(replica, nodes[i], cancellationToken)));
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static IEnumerable<string> SlotsOf(int master) => Enumerable
        .Range(0, ServerCluster.SlotCount)
        .Where(slot => slot * Masters / ServerCluster.SlotCount == master)
        .Select(Text);

    private static async Task FollowAsync(Server replica, Server master, CancellationToken cancellationToken)
    {
        var id = (await master.CommandAsync(["CLUSTER", "MYID"], cancellationToken)).Text!;
        await Poll.UntilAsync(
            async () => ClusterNode.ParseAll(await replica.CommandAsync(["CLUSTER", "NODES"], cancellationToken))
                .Any(node => node.Id == id && !node.IsFailed && node.IsLinked),
            $"{replica.EndPoint} has met {master.EndPoint}",
            null,
            cancellationToken);
        await replica.CommandAsync(["CLUSTER", "REPLICATE", id], cancellationToken);
    }
}
