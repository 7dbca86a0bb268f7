using Larder.Resilience.Faults;
using Larder.Resilience.Nodes;
using Larder.Resilience.Traffic;
using Larder.Tests.Shared;

namespace Larder.Resilience.Tests;

/// <summary>What finds nothing must be able to find something.</summary>
[Collection(OneAfterTheOther.Name)]
public sealed class SabotageTests
{
    [ServerFact(ServerKind.Redis)]
    public async Task Calls_that_throw_are_counted()
    {
        var outcome = await ShortRun.RunAsync(new Killed(ServerKind.Redis), Sabotage.Throws);
        Assert.True(outcome is { Failed: > 0, Wrong: 0, Held: false }, ShortRun.Describe(outcome));
    }

    [ServerFact(ServerKind.Redis)]
    public async Task Values_of_another_key_are_counted()
    {
        var outcome = await ShortRun.RunAsync(new Killed(ServerKind.Redis), Sabotage.MixesUp);
        Assert.True(outcome is { Failed: 0, Wrong: > 0, Held: false }, ShortRun.Describe(outcome));
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_stampede_is_seen()
    {
        // Values expire while a machine stands still, and nobody calls meanwhile: so there are fewer calls than would be allowed to load. One run without that is enough.
        Outcome outcome;
        var runs = 0;
        do
        {
            outcome = await ShortRun.RunAsync(new Killed(ServerKind.Redis), Sabotage.ForgetsAll);
        }
        while (outcome.During.Loads <= outcome.During.LoadsWithoutServer && ++runs < 6);
        Assert.True(outcome.During.Loads > outcome.During.LoadsWithoutServer, ShortRun.Describe(outcome));
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_server_that_is_never_used_again_is_seen()
    {
        var outcome = await ShortRun.RunAsync(new NeverMended(), Sabotage.Nothing, longestRecovery: TimeSpan.FromSeconds(2));
        Assert.True(outcome is { Failed: 0, Recovery: null, Held: false }, ShortRun.Describe(outcome));
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_fault_that_is_not_there_is_seen()
    {
        // On a machine that stands still a server without fault is silent, too. One run without that is enough.
        Outcome outcome;
        var runs = 0;
        do
        {
            outcome = await ShortRun.RunAsync(new NoFault(), Sabotage.Nothing);
        }
        while (outcome.Witness == "silent" && ++runs < 6);
        Assert.True(outcome is { Failed: 0, Witness: null, Held: false }, ShortRun.Describe(outcome));
    }

    private sealed class NeverMended() : ServerFault(ServerKind.Redis)
    {
        public override Task BreakAsync(Load load) => Server.KillAsync();

        public override Task MendAsync(Load load) => Task.CompletedTask;
    }

    private sealed class NoFault() : ServerFault(ServerKind.Redis)
    {
        public override Task BreakAsync(Load load) => Task.CompletedTask;

        public override Task MendAsync(Load load) => Task.CompletedTask;
    }
}
