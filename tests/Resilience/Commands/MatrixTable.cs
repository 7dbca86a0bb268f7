using System.Globalization;
using Larder.Resilience.Faults;
using Larder.Resilience.Figures;
using Larder.Tests.Shared;

namespace Larder.Resilience.Commands;

/// <summary>The matrix in Markdown, a row per run, written as it is measured.</summary>
internal static class MatrixTable
{
    public static void PrintHead()
    {
        Console.WriteLine("| fault | server | calls | failed | wrong | calls/s before, during, after | before: p50 / p99 / max | during: p50 / p99 / max | after: p50 / p99 / max | loads/s before, during, after | used again after |");
        Console.WriteLine("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    }

    public static void Print(Scenario scenario, ServerKind kind, Outcome outcome) => Console.WriteLine(
        $"| {scenario.Name} | {Name(kind)} | {Number(outcome.Calls)} | {outcome.Failed} | {outcome.Wrong} "
        + $"| {Rate(outcome.Before, outcome.Before.Calls)} / {Rate(outcome.During, outcome.During.Calls)} / {Rate(outcome.After, outcome.After.Calls)} "
        + $"| {Times(outcome.Before)} | {Times(outcome.During)} | {Times(outcome.After)} "
        + $"| {Rate(outcome.Before, outcome.Before.Loads)} / {Rate(outcome.During, outcome.During.Loads)} / {Rate(outcome.After, outcome.After.Loads)} | {(outcome.Recovery is { } took ? Milliseconds(took) + " ms" : "never")} |");

    public static void PrintDetails(Outcome outcome)
    {
        Console.WriteLine($"  witness: {outcome.Witness ?? "NONE: the fault was not there"}");
        foreach (var (name, phase) in new[] { ("before", outcome.Before), ("during", outcome.During), ("after", outcome.After) })
        {
            Console.WriteLine(
                $"  {name}: {phase.Time.TotalSeconds:0.0} s, {Number(phase.Calls)} calls, {phase.Failed} failed, {phase.Wrong} wrong, {Number(phase.Loads)} loads "
                + $"(memory alone: at most {Number((long)phase.LoadsWithoutServer)}), {Number(phase.SecondLevelHits)} second-level hits, pool at worst {Milliseconds(phase.PoolLag)} ms late");
        }
    }

    public static void PrintFailures(Outcome outcome)
    {
        foreach (var failure in outcome.Failures)
        {
            Console.WriteLine("! " + failure);
        }

        if (outcome.Witness is null)
        {
            Console.WriteLine("! Nothing showed that the fault was there.");
        }
    }

    private static string Name(ServerKind kind) => kind switch
    {
        ServerKind.RedisCluster => "Redis cluster",
        ServerKind.ValkeyCluster => "Valkey cluster",
        ServerKind.Sentinel => "Redis, sentinels",
        _ => kind.ToString(),
    };

    private static string Times(PhaseFigures phase) => phase.Calls == 0
        ? "–"
        : $"{Milliseconds(phase.Median)} / {Milliseconds(phase.P99)} / {Milliseconds(phase.Longest)} ms";

    private static string Rate(PhaseFigures phase, long count) => phase.Time == TimeSpan.Zero ? "–" : Number((long)(count / phase.Time.TotalSeconds));

    private static string Milliseconds(TimeSpan time) =>
        time.TotalMilliseconds.ToString(time.TotalMilliseconds switch { < 0.1 => "0.000", < 10 => "0.0", _ => "#,0" }, CultureInfo.InvariantCulture);

    private static string Number(long number) => number.ToString("#,0", CultureInfo.InvariantCulture);
}
