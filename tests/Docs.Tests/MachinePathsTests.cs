using Xunit;

namespace Larder.Docs.Tests;

public sealed class MachinePathsTests
{
    // In parts, and put together when the test runs: this file is checked too.
    [Theory]
    [InlineData("", "work", "/main/src")]
    [InlineData("file://", "farm", "/x")]
    [InlineData("cd ", "root", "/.nuget")]
    [InlineData("\"", "work", "/\"")]
    [InlineData("", "tmp", "/bash_jobs.0/1")]
    [InlineData("<Import Project=\"..", "shared", "\" />")]
    public void A_path_of_one_machine_is_reported_with_its_line(string before, string name, string after)
    {
        var problem = Assert.Single(Check($"first\n{before}/{name}{after}\n"));

        Assert.StartsWith("file.txt(2): ", problem, StringComparison.Ordinal);
        Assert.Contains($"/{name}", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://example.com", "work", "/1")]
    [InlineData("src", "root", "/file")]
    [InlineData("", "workers", "/1")]
    [InlineData("", "tmp", "/file")]
    [InlineData("..", "Shared", "/Shared.csproj")]
    public void Other_paths_are_not(string before, string name, string after) => Assert.Empty(Check($"{before}/{name}{after}"));

    [Fact]
    public void A_file_that_is_no_text_is_not_read() => Assert.Empty(Check("\0 /" + "work" + "/"));

    private static IEnumerable<string> Check(string text) => MachinePaths.Check(new FakeRepository { ["file.txt"] = text }, "file.txt");
}
