using System.Globalization;
using Larder.Consistency.Checking;
using Larder.Consistency.Nodes;
using Larder.Tests.Shared;

namespace Larder.Consistency.Commands;

/// <summary>Whether pages of one application show what another has changed.</summary>
internal static class PagesCommand
{
    // A process that is cut off serves what is as old as BackplaneTimeout (5 s), and a page is made of data that may be as old.
    private const int OutageWindow = 12;

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var kind = arguments.Choice("server", ServerKind.Redis);
        var outages = arguments.Flag("outages");
        if (outages && kind is not (ServerKind.Redis or ServerKind.Valkey))
        {
            throw new ArgumentException($"--outages is for --server redis or valkey, not for {kind}.");
        }

        var check = new StalePages(outages ? await TestServers.StartNewAsync(kind, new ServerOptions { Persistent = true }) : await TestServer.StartAsync(kind))
        {
            Outages = outages,
            Requests = arguments.Number("requests", 100_000),
            Processes = arguments.Number("processes", 2),
            Broken = arguments.Flag("broken"),
            Window = arguments.Milliseconds("window", TimeSpan.FromSeconds(outages ? OutageWindow : 1)),
        };
        arguments.End();

        await using (check)
        {
            var verdict = await check.RunAsync();
            var behind = verdict.Behind;
            var table = new Table("server", "requests", "hits", "changes", "pages behind another's change", "99 % of these by", "longest", "outages", "slowest request", "stale or failed");
            table.Add(
                kind, verdict.Reads, verdict.Hits, verdict.Changes, behind.Count,
                behind.Count == 0 ? "" : $"{behind[(int)(behind.Count * 0.99)].TotalMilliseconds:0.0} ms", behind.Count == 0 ? "" : $"{behind[^1].TotalMilliseconds:0.0} ms",
                verdict.Outages, $"{verdict.Slowest.TotalMilliseconds:0} ms", verdict.Violations.Count);
            table.Print();
            foreach (var violation in verdict.Violations.Take(20))
            {
                Console.WriteLine("  " + violation);
            }

            return verdict.Violations.Count == 0 && verdict.Hits > verdict.Reads / 10 ? 0 : 1;
        }
    }

    /// <summary>One of the applications.</summary>
    public static async Task<int> ServeAsync(string[] arguments)
    {
        ChildProcess.DieWithParent();
        await PageNode.RunAsync(arguments[0], arguments[1], int.Parse(arguments[2], CultureInfo.InvariantCulture), bool.Parse(arguments[3]));
        return 0;
    }
}
