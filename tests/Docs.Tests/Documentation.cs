using System.Text.RegularExpressions;

namespace Larder.Docs.Tests;

/// <summary>The pages whose examples are compiled, and the examples.</summary>
internal static partial class Documentation
{
    /// <summary>Examples that stand alone, and are compiled so.</summary>
    public static IEnumerable<(string File, Fence Snippet)> Snippets(IRepository repository) =>
        from page in Pages(repository)
        from fence in page.Fences
        where fence.Language is "csharp" or "cs" or "c#" && !fence.Runs
        select (page.File, fence);

    /// <summary>Pages that are a program, whose examples are run in their order.</summary>
    public static IEnumerable<RunnablePage> Programs(IRepository repository) =>
        from page in Pages(repository)
        where page.Fences.Any(fence => fence.Runs)
        select RunnablePage.Parse(page.File, page.Fences);

    private static IEnumerable<(string File, IReadOnlyList<Fence> Fences)> Pages(IRepository repository) =>
        from file in repository.Files.Order(StringComparer.Ordinal)
        where Page().IsMatch(file)
        select (file, Markdown.Parse(repository.Read(file)).Fences);

    [GeneratedRegex(@"^(?:README\.md|docs/.*\.md|(?:src|samples)/(?:.*/)?README\.md)$")]
    private static partial Regex Page();
}
