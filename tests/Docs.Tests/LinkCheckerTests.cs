using Xunit;

namespace Larder.Docs.Tests;

public sealed class LinkCheckerTests
{
    [Theory]
    [InlineData("there.md")]
    [InlineData("../docs/there.md#a-heading")]
    [InlineData("/docs/there.md")]
    [InlineData("#here")]
    [InlineData("..")]
    [InlineData("../src/")]
    [InlineData("../src#below")]
    [InlineData("../src/Code.cs#L2")]
    [InlineData("../src/Code.cs#L1-L2")]
    [InlineData("with%20space.md?plain=1")]
    [InlineData("https://example.com/nowhere")]
    [InlineData("mailto:someone@example.com")]
    public void A_link_to_something_is_right(string target) => Assert.Empty(Check($"[link]({target})"));

    [Theory]
    [InlineData("missing.md", "there is no such file")]
    [InlineData("There.md", "there is no such file")]
    [InlineData("docs/there.md", "there is no such file")]
    [InlineData("there.md#another-heading", "there is no such heading")]
    [InlineData("#there", "there is no such heading")]
    [InlineData("../src/Code.cs#L3", "there is no such heading")]
    [InlineData("../src/Code.cs#class", "there is no such heading")]
    [InlineData("../src#above", "there is no such heading")]
    [InlineData("..#here", "there is no such heading")]
    [InlineData("../../elsewhere", "leads out of the repository")]
    [InlineData("", "leads nowhere")]
    public void A_link_to_nothing_is_reported(string target, string problem) =>
        Assert.Equal([$"docs/page.md(3): {target}: {problem}"], Check($"[link]({target})"));

    [Theory]
    [InlineData("![image](missing.png)")]
    [InlineData("[one]: missing.png")]
    [InlineData("<img alt='' src='missing.png'>")]
    [InlineData("| [`code`](missing.png) |")]
    public void It_is_reported_however_it_is_written(string text) =>
        Assert.Equal(["docs/page.md(3): missing.png: there is no such file"], Check(text));

    private static IEnumerable<string> Check(string text) => LinkChecker.Check(
        new FakeRepository
        {
            ["docs/page.md"] = $"# Here\n\n{text}\n",
            ["docs/there.md"] = "# A heading\n",
            ["docs/with space.md"] = "",
            ["src/Code.cs"] = "class\nCode;\n",
            ["src/README.md"] = "# Below\n",
        },
        "docs/page.md");
}
