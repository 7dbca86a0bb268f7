using Larder.Consistency.Checking;
using Larder.Consistency.Nodes;
using Larder.Tests.Shared;

namespace Larder.Consistency.Commands;

/// <summary>G6.</summary>
internal static class TagsCommand
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var kind = arguments.Choice("server", ServerKind.Redis);
        var most = arguments.Number("entries", 1_000_000);
        arguments.End();

        await using var server = await TestServer.StartAsync(kind);
        await using var node = new PlainNode(server.ConnectionString);
        await node.ReadyAsync();
        _ = await TagCost.MeasureAsync(node, server, 100);
        var table = new Table("entries with the tag", "median", "p99", "commands", "bytes allocated");
        var costs = new List<TagCost.Cost>();
        for (var entries = 1_000; entries <= most; entries *= 10)
        {
            var cost = await TagCost.MeasureAsync(node, server, entries);
            costs.Add(cost);
            table.Add(entries, $"{cost.Median.TotalMicroseconds:0} us", $"{cost.Late.TotalMicroseconds:0} us", $"{cost.Commands:0.00}", $"{cost.BytesAllocated:0}");
        }

        table.Print();
        return costs.Max(cost => cost.Median) < costs.Min(cost => cost.Median) * 3 ? 0 : 1;
    }
}
