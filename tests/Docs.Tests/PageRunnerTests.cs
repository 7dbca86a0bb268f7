using Xunit;

namespace Larder.Docs.Tests;

public sealed class PageRunnerTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task A_page_that_prints_what_it_says_is_right() => Assert.Empty(await RunAsync("""
        ```csharp run
        Console.WriteLine(1 + 1);                        // 2
        Console.WriteLine($"{1.5} {true}");              // 1.5 True
        Console.WriteLine("{0}, {1}", "a", Users.Name);  // a, Alice
        string? nothing = null;
        Console.WriteLine(nothing);                      //
        ```
        The blocks are one program, whatever comes between them.
        ```csharp
        This is not run.
        ```
        ```csharp run
        using System.Globalization;

        for (var round = 0; round < 2; round++)
        {
            await Task.Yield();
            Console.WriteLine(
                (nothing ?? "none").ToUpper(CultureInfo.InvariantCulture));   // NONE
        }

        internal static class Users
        {
            public const string Name = "Alice";
        }
        ```
        """));

    [Fact]
    public async Task A_page_may_set_the_environment_and_the_configuration() => Assert.Empty(await RunAsync("""
        ```sh run
        export CACHE_PREFIX=mine   # a comment
        export CACHE_TTL_SHORT=5
        ```
        ```json run
        { "Larder": { "Version": "v2" } }
        ```
        ```csharp run
        var builder = WebApplication.CreateBuilder(args);
        Console.WriteLine(builder.Configuration["CACHE_PREFIX"]);      // mine
        Console.WriteLine(builder.Configuration["Larder:Version"]);    // v2
        Console.WriteLine(builder.Configuration["CACHE_TTL_SHORT"]);   // 7
        ```
        """, "--CACHE_TTL_SHORT=7"));

    [Theory]
    [InlineData("Console.WriteLine(1 + 1);   // 3", "docs/page.md(2): has printed '2', and should '3'")]
    [InlineData("Console.WriteLine(\"two\");   // Two", "docs/page.md(2): has printed 'two', and should 'Two'")]
    [InlineData("Console.WriteLine(\"a\\nb\");   // a", "docs/page.md(2): has printed 'a\nb', and should 'a'")]
    [InlineData("for (var i = 0; i < 2; i++)\n{\n    Console.WriteLine(i);   // 0\n}", "docs/page.md(4): has printed '1', and should '0'")]
    public async Task A_comment_that_is_wrong_is_reported(string code, string problem) =>
        Assert.Equal([problem], await RunAsync($"```csharp run\n{code}\n```\n"));

    [Fact]
    public async Task A_check_that_is_never_reached_is_reported() => Assert.Equal(
        ["docs/page.md(4): has printed nothing, and should '1'"],
        await RunAsync("```csharp run\nif (args.Length == 9)\n{\n    Console.WriteLine(1);   // 1\n}\n\nConsole.WriteLine(2);   // 2\n```\n"));

    [Fact]
    public async Task An_exception_is_reported_with_its_line_and_what_was_not_printed()
    {
        var problems = await RunAsync("```csharp run\nawait Task.Yield();\nthrow new InvalidOperationException(\"broken\");\n#pragma warning disable CS0162\nConsole.WriteLine(1);   // 1\n```\n");

        Assert.Equal(2, problems.Count);
        Assert.StartsWith("docs/page.md(3): System.InvalidOperationException: broken", problems[0], StringComparison.Ordinal);
        Assert.Equal("docs/page.md(5): has printed nothing, and should '1'", problems[1]);
    }

    [Fact]
    public async Task A_page_that_does_not_end_is_reported()
    {
        var page = Page("```csharp run\nConsole.WriteLine(1);   // 1\nawait Task.Delay(Timeout.Infinite);\n```\n");

        // A machine that stands still may not have come to the first line either.
        Assert.Equal("docs/page.md: has not ended after 00:00:00.5000000", (await PageRunner.RunAsync(page, [], TimeSpan.FromSeconds(0.5)))[0]);
    }

    [Theory]
    [InlineData("```csharp run\nvar a = 1;\n```\n", "docs/page.md: nothing is checked; write Console.WriteLine(value);   // what it prints")]
    [InlineData("```csharp run\n// Console.WriteLine(1);   // 1\n```\n", "docs/page.md: nothing is checked; write Console.WriteLine(value);   // what it prints")]
    [InlineData("```csharp run\nConsole.WriteLine(1);   // 1\nConsole.WriteLine(2);\n```\n", "docs/page.md(3): prints without a comment that says what")]
    [InlineData("```csharp run\nConsole.WriteLine(1);   // 1\n```\n```python run\n1\n```\n", "docs/page.md(5): a block of 'python' cannot be run")]
    [InlineData("```csharp run\nConsole.WriteLine(1);   // 1\n```\n```sh run\nexport A=1\nrm A\n```\n", "docs/page.md(6): 'rm A' is not 'export NAME=value'")]
    public async Task A_page_that_cannot_be_checked_is_reported(string text, string problem) => Assert.Equal([problem], await RunAsync(text));

    [Fact]
    public async Task A_mistake_is_reported_with_its_line() => Assert.StartsWith(
        "docs/page.md(7): CS0103:",
        Assert.Single(await RunAsync("```csharp run\nConsole.WriteLine(1);   // 1\n```\n\n```csharp run\nvar first = 1;\nmissing();\n```\n")),
        StringComparison.Ordinal);

    [Fact]
    public void Blocks_of_a_program_are_not_compiled_alone() =>
        Assert.Empty(Documentation.Snippets(new FakeRepository { ["docs/page.md"] = "```csharp run\nConsole.WriteLine(1);   // 1\n```\n" }));

    private static RunnablePage Page(string text) => Assert.Single(Documentation.Programs(new FakeRepository { ["docs/page.md"] = text }));

    private static Task<IReadOnlyList<string>> RunAsync(string text, params string[] arguments) => PageRunner.RunAsync(Page(text), arguments, s_limit);
}
