using Larder.Consistency.Commands;
using Larder.Resilience.Faults;
using Larder.Resilience.Nodes;
using Larder.Resilience.Traffic;
using Larder.Tests.Shared;

namespace Larder.Resilience.Commands;

/// <summary>One scenario, or all.</summary>
internal static class MatrixCommand
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var scenarios = arguments.Text("scenario", "all") switch
        {
            "all" => Scenario.All,
            var names => [.. names.Split(',').Select(Scenario.Find)],
        };
        var kinds = arguments.Text("server", "all") switch
        {
            "all" => Enum.GetValues<ServerKind>(),
            "redis" => [ServerKind.Redis, ServerKind.RedisCluster, ServerKind.Sentinel],
            "valkey" => [ServerKind.Valkey, ServerKind.ValkeyCluster],
            var other => throw new FormatException($"There is no server '{other}'; there are redis, valkey and all."),
        };
        var seconds = TimeSpan.FromSeconds(arguments.Number("seconds", 10));
        var during = arguments.Number("fault-seconds", 0);
        var callers = arguments.Number("callers", 200);
        var pace = arguments.Milliseconds("pace", TimeSpan.FromMilliseconds(10));
        var settings = new NodeSettings { Options = NodeSettings.ParseOptions(arguments.Text("options", "")), Sabotage = arguments.Choice("broken", Sabotage.Nothing) };
        var details = arguments.Flag("details");
        arguments.End();

        var held = true;
        MatrixTable.PrintHead();
        foreach (var scenario in scenarios)
        {
            foreach (var kind in scenario.Kinds.Intersect(kinds))
            {
                var run = new FaultRun(scenario.Make(kind))
                {
                    Settings = settings,
                    Load = new Load { Callers = callers, Pace = pace },
                    Before = seconds,
                    During = during > 0 ? TimeSpan.FromSeconds(during) : scenario.Lasts ?? seconds,
                    After = seconds,
                };
                var outcome = await run.RunAsync();
                held &= outcome.Held;
                MatrixTable.Print(scenario, kind, outcome);
                if (details)
                {
                    MatrixTable.PrintDetails(outcome);
                }

                MatrixTable.PrintFailures(outcome);
            }
        }

        return held ? 0 : 1;
    }
}
