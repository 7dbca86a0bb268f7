using System.Globalization;
using System.Text.Json;
using Larder.Consistency.Checking;
using Larder.Consistency.Nodes;

namespace Larder.Consistency.Commands;

/// <summary>The life of a node process: does what it is told on standard input.</summary>
internal static class NodeCommand
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        ChildProcess.DieWithParent();
        var settings = JsonSerializer.Deserialize<NodeSettings>(arguments[0])!;
        var number = int.Parse(arguments[1], CultureInfo.InvariantCulture);
        using var source = Source.Open(settings.Topology, arguments[2]);
        using var stalls = new StallWatch(number, TimeSpan.FromMilliseconds(250));
        await using var host = new NodeHost(settings, number, source, null);
        await host.ReadyAsync();
        Console.WriteLine("ready");
        using var reporting = new Timer(_ => Console.WriteLine($"ops {host.Operations}"), null, 250, 250);
        while (await Console.In.ReadLineAsync() is { } line)
        {
            var space = line.IndexOf(' ', StringComparison.Ordinal);
            var (word, rest) = space < 0 ? (line, "") : (line[..space], line[(space + 1)..]);
            switch (word)
            {
                case "start":
                    host.Start();
                    break;
                case "stop":
                    await host.StopAsync();
                    Console.WriteLine("stopped");
                    break;
                case "read":
                    await host.ReadAllAsync();
                    Console.WriteLine("done");
                    break;
                case "save":
                    var history = host.Collect();
                    stalls.AddTo(history);
                    history.Save(rest);
                    Console.WriteLine("saved");
                    break;
                case "drop":
                    host.Chaos.Drop(TimeSpan.FromMilliseconds(double.Parse(rest, CultureInfo.InvariantCulture)));
                    break;
                case "reorder":
                    host.Chaos.Reorder(TimeSpan.FromMilliseconds(double.Parse(rest, CultureInfo.InvariantCulture)));
                    break;
                default:
                    Console.Error.WriteLine($"A node does not know '{line}'.");
                    return 2;
            }
        }

        return 0;
    }
}
