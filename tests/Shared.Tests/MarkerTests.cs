using Xunit;

namespace Larder.Tests.Shared.Tests;

public sealed class MarkerTests
{
    private const string NeedsRedis = "LARDER_TEST_SERVERS=none: needs redis-server";
    private const string NeedsValkey = "LARDER_TEST_SERVERS=none: needs valkey-server";

    [Fact]
    public async Task Without_servers_only_what_needs_one_is_skipped_with_the_reason()
    {
        var (_, lines) = await ChildProcess.RunAsync(["skip-reasons"], ("LARDER_TEST_SERVERS", "none"));
        Assert.Equal(
            [
                "InMemory.Fact: runs",
                "InMemory.Theory: runs",
                "InMemory.Theory: runs",
                $"Marked.MarkedFact: {NeedsRedis}",
                $"Marked.MarkedTheory: {NeedsValkey}",
                $"OnRedis.Fact: {NeedsRedis}",
                $"OnRedis.Theory: {NeedsRedis}",
                $"OnValkey.Fact: {NeedsValkey}",
                $"OnValkey.Theory: {NeedsValkey}",
            ],
            lines.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task With_servers_nothing_is_skipped()
    {
        var (_, lines) = await ChildProcess.RunAsync(["skip-reasons"], ("LARDER_TEST_SERVERS", null));
        Assert.Equal(11, lines.Length);
        Assert.All(lines, line => Assert.EndsWith(": runs", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_chosen_program_that_is_not_there_is_named()
    {
        var (exitCode, lines) = await ChildProcess.RunAsync(["find"], ("LARDER_REDIS_SERVER", "/nowhere/redis-server"));
        Assert.Equal(1, exitCode);
        Assert.Equal("LARDER_REDIS_SERVER names /nowhere/redis-server, which does not exist.", Assert.Single(lines));
    }

    [Fact]
    public async Task A_chosen_program_wins()
    {
        var chosen = typeof(MarkerTests).Assembly.Location;
        var (exitCode, lines) = await ChildProcess.RunAsync(["find"], ("LARDER_REDIS_SERVER", chosen));
        Assert.Equal((0, chosen), (exitCode, Assert.Single(lines)));
    }
}
