using System.Diagnostics;
using Larder.Consistency.Checking;
using Larder.Consistency.Faults;
using Larder.Consistency.Nodes;
using Larder.Tests.Shared;

namespace Larder.Consistency.Commands;

/// <summary>G1 and G2: no read beyond the window may be stale.</summary>
internal static class CheckCommand
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var settings = new NodeSettings();
        settings = settings with
        {
            Cache = arguments.Choice("cache", CacheKind.Larder),
            Broken = arguments.Choice("broken", Broken.Nothing),
            Policies = arguments.Flag("policies"),
            ClockSkew = arguments.Milliseconds("skew", TimeSpan.FromSeconds(10)),
            BackplaneTimeout = arguments.Milliseconds("backplane-timeout", settings.BackplaneTimeout),
            LeaseDuration = arguments.Milliseconds("lease", settings.LeaseDuration),
            Readers = arguments.Number("readers", settings.Readers),
            Writers = arguments.Number("writers", settings.Writers),
            Load = arguments.Milliseconds("load", settings.Load),
            LevelDelay = arguments.Milliseconds("level-delay", settings.LevelDelay),
            BackplaneDelay = arguments.Milliseconds("backplane-delay", settings.BackplaneDelay),
            Tenants = arguments.Number("tenants", settings.Tenants),
            KeysPerTenant = arguments.Number("keys", settings.KeysPerTenant),
            TagsPerTenant = arguments.Number("tags", settings.TagsPerTenant),
            Seed = arguments.Number("seed", settings.Seed),
        };
        var kind = arguments.Choice("server", ServerKind.Redis);
        var check = new Check
        {
            Settings = settings,
            Nodes = arguments.Number("nodes", 3),
            Processes = arguments.Flag("processes"),
            Faults = arguments.Choice("faults", FaultKind.None),
            Operations = arguments.Number("operations", 1_000_000),
            AtMost = TimeSpan.FromSeconds(arguments.Number("seconds", 1_800)),
            Progress = Console.WriteLine,
        };
        arguments.End();

        var larder = settings.Cache == CacheKind.Larder;
        await using var server = larder ? await TestServer.StartAsync(kind) : null;
        var started = Stopwatch.GetTimestamp();
        var (verdict, faults) = await (check with { Server = server }).RunAsync();
        Print(check, larder ? kind.ToString() : "in process", verdict, faults, Stopwatch.GetElapsedTime(started));
        return verdict.Violations == 0 ? 0 : 1;
    }

    private static void Print(Check check, string server, Verdict verdict, FaultInjector faults, TimeSpan time)
    {
        var table = new Table("what", "figure");
        table.Add("cache", check.Settings.Broken == Broken.Nothing ? check.Settings.Cache : $"{check.Settings.Cache} without {check.Settings.Broken}");
        table.Add("server", server);
        table.Add("nodes", $"{check.Nodes} {(check.Processes ? "processes" : "in one process")}");
        table.Add("faults", faults.Counts.Count == 0 ? "none" : string.Join(", ", faults.Counts.Select(fault => $"{fault.Key} {fault.Value}")));
        table.Add("time", $"{time.TotalSeconds:0} s");
        table.Add("operations", verdict.Operations);
        table.Add("reads", verdict.Reads);
        table.Add("invalidations and writes", verdict.Changes);
        if (check.Settings.Policies)
        {
            table.Add("reads refused, as they may be", verdict.Refusals);
        }

        table.Add("stale on the invalidating node", verdict.OwnStale);
        table.Add("stale on others beyond the window", verdict.OtherStale);
        table.Add("stale per 100 reads", $"{verdict.StalePerHundredReads:0.###}");
        table.Add("lost invalidations", verdict.Lost);
        table.Add("calls that failed or hung", verdict.Failures.Count);
        table.Add("longest lag of others, undisturbed", $"{verdict.LongestLag.TotalMilliseconds:0} ms");
        table.Add("longest lag of others, disturbed", $"{verdict.LongestDisturbedLag.TotalMilliseconds:0} ms");
        table.Print();
        foreach (var trace in verdict.Traces.Concat(verdict.Failures.Take(10)))
        {
            Console.WriteLine("! " + trace);
        }
    }
}
