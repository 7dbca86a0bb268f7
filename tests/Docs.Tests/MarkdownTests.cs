using Xunit;

namespace Larder.Docs.Tests;

public sealed class MarkdownTests
{
    [Fact]
    public void A_block_is_found_with_its_line_and_without_its_indentation()
    {
        var fence = Assert.Single(Markdown.Parse("- item\n\n  ```csharp title\n  if (a)\n      b();\n  ```\n").Fences);

        Assert.Equal(new Fence("csharp", 4, "if (a)\n    b();"), fence);
    }

    [Theory]
    [InlineData("```csharp run", true)]
    [InlineData("```csharp  run title", true)]
    [InlineData("```csharp", false)]
    [InlineData("```csharp running", false)]
    [InlineData("```run", false)]
    public void A_block_runs_if_its_second_word_says_so(string fence, bool runs) =>
        Assert.Equal(runs, Assert.Single(Markdown.Parse($"{fence}\nx\n```\n").Fences).Runs);

    [Fact]
    public void A_block_ends_with_a_fence_of_its_own_kind_or_with_the_file() =>
        Assert.Equal(["````\n```", "```"], Markdown.Parse("~~~~\n````\n```\n~~~~\n````\n```").Fences.Select(fence => fence.Text));

    [Fact]
    public void Links_in_code_and_comments_are_none() =>
        Assert.Equal(
            [("a.md", 1), ("b c.md", 2), ("d.png", 3), ("e.md", 3), ("f.md", 7), ("g.md", 9), ("h.md", 10)],
            Markdown.Parse("""
                [a](a.md "title") `[x](x.md)` ``[`](x.md)``
                [b](<b c.md>)
                [![d](d.png)](e.md)
                ```
                [x](x.md)
                ```
                [`f`](f.md) <!-- [x](x.md) -->
                [^1]: note
                [g]: g.md
                <a href="h.md">
                """).Links());

    [Fact]
    public void Anchors_are_those_that_GitHub_makes() =>
        Assert.Equal(
            ["what-is-it", "addlarder-and-more", "twice", "twice-1", "snake_case--c", "made-by-hand"],
            Markdown.Parse("""
                # What *is* it?
                ## `AddLarder`, and [more](x.md) ##
                ## Twice
                ## Twice
                ### snake_case & C#
                <a id="made-by-hand"></a>
                ```sh
                # no heading
                ```
                """).Anchors());
}
