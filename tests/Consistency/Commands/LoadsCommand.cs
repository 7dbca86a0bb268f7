using Larder.Consistency.Checking;
using Larder.Tests.Shared;

namespace Larder.Consistency.Commands;

/// <summary>G5.</summary>
internal static class LoadsCommand
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var kind = arguments.Choice("server", ServerKind.Redis);
        var rounds = arguments.Number("rounds", 3);
        var processes = arguments.Number("processes", 4);
        var callers = arguments.Number("callers", 1_000);
        var lease = arguments.Milliseconds("lease", TimeSpan.FromSeconds(2));
        arguments.End();

        await using var server = await TestServer.StartAsync(kind);
        var check = new OneLoad(server) { Processes = processes, Callers = callers, Lease = lease };
        var limit = check.Lease + check.Load + TimeSpan.FromSeconds(1);
        var table = new Table("case", "round", "loads", "values", "slowest process", "allowed");
        var held = true;
        for (var round = 1; round <= rounds; round++)
        {
            var cold = await check.ColdAsync();
            table.Add("cold key", round, cold.Loads, cold.Values, $"{cold.Longest.TotalMilliseconds:0} ms", "1 load");
            var killed = await check.KilledAsync();
            table.Add("loader killed", round, killed.Loads, killed.Values, $"{killed.Longest.TotalMilliseconds:0} ms", $"1 load, {limit.TotalMilliseconds:0} ms");
            held &= cold is { Loads: 1, Values: 1 } && killed is { Loads: 1, Values: 1 } && killed.Longest <= limit;
            await server.FlushAsync();
        }

        Console.WriteLine($"{processes} processes with {callers} callers each on {kind}; a load takes {check.Load.TotalMilliseconds:0} ms, a lease {lease.TotalMilliseconds:0} ms");
        table.Print();
        return held ? 0 : 1;
    }
}
