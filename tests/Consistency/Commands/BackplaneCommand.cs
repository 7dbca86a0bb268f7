using Larder.Consistency.Checking;
using Larder.Tests.Shared;

namespace Larder.Consistency.Commands;

/// <summary>Delivery times and throughput of the backplane.</summary>
internal static class BackplaneCommand
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var kind = arguments.Choice("server", ServerKind.Redis);
        var messages = arguments.Number("messages", 5_000);
        var seconds = arguments.Number("seconds", 5);
        arguments.End();

        await using var server = await TestServer.StartAsync(kind);
        await using var load = new BackplaneLoad(server);
        _ = await load.DeliveryAsync(200);
        var delays = await load.DeliveryAsync(messages);
        var table = new Table("what", "figure");
        table.Add("delivery, median", $"{delays[delays.Length / 2].TotalMilliseconds:0.00} ms");
        table.Add("delivery, p99", $"{delays[delays.Length * 99 / 100].TotalMilliseconds:0.00} ms");
        table.Add("delivery, longest", $"{delays[^1].TotalMilliseconds:0.00} ms");
        foreach (var callers in (int[])[1, 16, 256])
        {
            var (perSecond, perBatch) = await load.ThroughputAsync(TimeSpan.FromSeconds(seconds), callers);
            table.Add($"two nodes with {callers} callers each", $"{perSecond:0} messages/s, {perBatch:0.0} in a batch");
        }

        table.Print();
        return delays[delays.Length * 99 / 100] < TimeSpan.FromMilliseconds(10) ? 0 : 1;
    }
}
