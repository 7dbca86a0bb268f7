using Larder.Resilience.Faults;
using Larder.Resilience.Nodes;
using Larder.Resilience.Traffic;
using Larder.Tests.Shared;

namespace Larder.Resilience.Tests;

/// <summary>A scenario for some seconds, and what must hold in it.</summary>
internal static class ShortRun
{
    private const int Callers = 100;

    // Not a measurement. A call pays half a second, some pay it twice or three times. One that waits for a server to come back takes longer.
    private static readonly TimeSpan P99AtMost = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RecoveryAtMost = TimeSpan.FromSeconds(15);

    public static async Task HoldsAsync(string scenario, ServerKind kind)
    {
        var outcome = await RunAsync(Scenario.Find(scenario).Make(kind), Sabotage.Nothing);
        Assert.True(outcome.Held, Describe(outcome));
        Assert.True(outcome.Recovery < RecoveryAtMost, Describe(outcome));

        // Where the machine has stood still, so have the calls.
        Assert.True(outcome.During.P99 < P99AtMost + outcome.During.PoolLag && outcome.After.P99 < P99AtMost + outcome.After.PoolLag, Describe(outcome));
        Assert.True(outcome.During.Calls > Callers && outcome.After.Calls > Callers, Describe(outcome));
        Assert.True(outcome.After.SecondLevelHits > 0, Describe(outcome));

        // A fault must not turn calls into loads: no more than if there had never been a server.
        Assert.True(outcome.During.Loads <= outcome.During.LoadsWithoutServer, Describe(outcome));
    }

    public static Task<Outcome> RunAsync(Fault fault, Sabotage sabotage, TimeSpan? longestRecovery = null) => new FaultRun(fault)
    {
        Settings = new NodeSettings { Sabotage = sabotage },
        Load = new Load { Callers = Callers },
        Warming = TimeSpan.FromSeconds(0.7),
        Before = TimeSpan.FromSeconds(0.5),
        During = TimeSpan.FromSeconds(3),
        After = TimeSpan.FromSeconds(1.5),
        LongestRecovery = longestRecovery ?? TimeSpan.FromSeconds(20),
    }.RunAsync();

    public static string Describe(Outcome outcome) => string.Join(
        Environment.NewLine,
        outcome.Failures
            .Prepend($"After: {outcome.After}")
            .Prepend($"During: {outcome.During}")
            .Prepend($"{outcome.Failed} failed, {outcome.Wrong} wrong, used again after {outcome.Recovery?.ToString() ?? "never"}, witness: {outcome.Witness ?? "none"}"));
}
