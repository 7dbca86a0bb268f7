using System.Text.RegularExpressions;

namespace Larder.Docs.Tests;

/// <summary>The pages whose examples are compiled, and the examples.</summary>
internal static partial class Documentation
{
    public static IEnumerable<(string File, Fence Snippet)> Snippets(IRepository repository) =>
        from file in repository.Files.Order(StringComparer.Ordinal)
        where Page().IsMatch(file)
        from fence in Markdown.Parse(repository.Read(file)).Fences
        where fence.Language is "csharp" or "cs" or "c#"
        select (file, fence);

    [GeneratedRegex(@"^(?:README\.md|docs/.*\.md|(?:src|samples)/(?:.*/)?README\.md)$")]
    private static partial Regex Page();
}
