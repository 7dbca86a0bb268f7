using System.Globalization;
using Xunit;
using Xunit.Abstractions;

namespace Larder.Tests.Policies;

/// <summary>
/// All policies on, factories that fail and dawdle, invalidations at random: nothing is served that is older than an acknowledged
/// invalidation or than its policy allows, nothing fails that should not, and nothing is left behind.
/// </summary>
/// <remarks>Three seconds for each kind of second level; for as many as <c>LARDER_SOAK_SECONDS</c> says if it is set.</remarks>
[Collection(Alone.Name)]
public sealed class PolicySoakTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Time =
        TimeSpan.FromSeconds(double.Parse(Environment.GetEnvironmentVariable("LARDER_SOAK_SECONDS") ?? "3", CultureInfo.InvariantCulture));

    [Theory]
    [InlineData("memory")]
    [InlineData("leases")]
    [InlineData("plain")]
    [InlineData("foreign")]
    public async Task Nothing_is_served_that_may_not_be_and_nothing_is_left_behind(string kind)
    {
        var soak = new PolicySoak(kind);
        await soak.RunAsync(Time);
        output.WriteLine($"{kind}: {soak}");

        Assert.Empty(soak.Stale);
        Assert.Empty(soak.Unexpected);
        Assert.Empty(soak.Unobserved);
        Assert.Equal(0, soak.StillRefreshing);
        Assert.True(soak.Overage < soak.Slack, $"Something was served {soak.Overage} ms beyond its time; {soak.Slack} ms are this machine's.");
        Assert.True(soak.Refreshes > 10, $"Only {soak.Refreshes} loads ran in the background.");
    }

    /// <summary>What finds nothing must be able to find something.</summary>
    [Fact]
    public async Task It_finds_values_that_were_stored_without_their_tags()
    {
        var soak = new PolicySoak("memory") { ForgetsTags = true };
        await soak.RunAsync(TimeSpan.FromSeconds(1));

        Assert.NotEmpty(soak.Stale);
    }
}
