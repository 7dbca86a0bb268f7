using Xunit;

namespace Larder.Docs.Tests;

public sealed class SnippetCompilerTests
{
    [Fact]
    public void Examples_are_found_on_pages_only()
    {
        const string Block = "text\n```csharp\nx\n```\n```json\n{}\n```\n";
        var repository = new FakeRepository
        {
            ["README.md"] = Block,
            ["CHANGELOG.md"] = Block,
            ["docs/a.md"] = Block,
            ["docs/b/c.md"] = Block,
            ["samples/WebApp/README.md"] = Block,
            ["src/README.md"] = Block,
            ["src/Extensions/notes.md"] = Block,
        };

        Assert.Equal(
            ["README.md:3", "docs/a.md:3", "docs/b/c.md:3", "samples/WebApp/README.md:3", "src/README.md:3"],
            Documentation.Snippets(repository).Select(example => $"{example.File}:{example.Snippet.Line}"));
    }

    [Theory]
    [InlineData("await cache.SetAsync(\"key\", 1, cancellationToken: cancellationToken);")]
    [InlineData("services.AddLarder(configuration);")]
    [InlineData("var cache = provider.GetRequiredService<HybridCache>();\nawait cache.RemoveAsync(\"key\");")]
    [InlineData("app.MapGet(\"/\", async (HybridCache cache) => await cache.GetOrCreateAsync(\"key\", _ => new ValueTask<int>(1)));")]
    [InlineData("using System.Globalization;\nvar name = CultureInfo.CurrentCulture.Name;")]
    [InlineData("using (CacheScope.Use(CacheScope.Raw))\n{\n}")]
    [InlineData("public sealed class Users(HybridCache cache)\n{\n    public HybridCache Cache => cache;\n}")]
    [InlineData("namespace My;\n\npublic record User(string Name);")]
    [InlineData("services.AddSingleton<Users>();\n\npublic sealed class Users;")]
    [InlineData("var builder = WebApplication.CreateBuilder(args);\nbuilder.Services.AddLarder();\nawait builder.Build().RunAsync();\n\ninternal sealed class My;")]
    public void What_an_application_may_write_compiles(string code) => Assert.Empty(Compile(code));

    [Theory]
    [InlineData("var a = 1;\n\ncache.Forget(\"key\");", 12, "CS1061")]
    [InlineData("var a = 1;\nvar b = ;", 11, "CS1525")]
    [InlineData("if (true)\n{", 11, "CS1513")]
    [InlineData("}", 10, "CS1022")]
    [InlineData("// first\ncache.RemoveAsync(\"key\");", 11, "CS4014")]
    [InlineData("string text = null;", 10, "CS8600")]
    [InlineData("services.AddLarder()\n    .AddNothing();", 11, "CS1061")]
    [InlineData("new Larder.Engine.CacheEngine();", 10, "CS0122")]
    [InlineData("Assert.True(true);", 10, "CS0103")]
    [InlineData("using Nowhere;", 10, "CS0246")]
    [InlineData("public sealed class My\n{\n    private Missing _field;\n}", 12, "CS0246")]
    [InlineData("services.AddSingleton<My>();\n\npublic sealed class My : Missing;", 12, "CS0246")]
    [InlineData("var builder = WebApplication.CreateBuilder(args);\nbuilder.Services.AddNothing();", 11, "CS1061")]
    [InlineData("var other = WebApplication.CreateBuilder(args);\nservices.AddLarder();", 11, "CS0103")]
    [InlineData("My.Do();\n\ninternal static class My\n{\n    [Obsolete]\n    public static void Do() { }\n}", 10, "CS0612")]
    public void A_mistake_is_reported_with_its_file_and_line(string code, int line, string error) =>
        Assert.Contains(Compile(code), message => message.StartsWith($"docs/page.md({line}): {error}: ", StringComparison.Ordinal));

    private static IReadOnlyList<string> Compile(string code) => SnippetCompiler.Compile("docs/page.md", new Fence("csharp", 10, code));
}
