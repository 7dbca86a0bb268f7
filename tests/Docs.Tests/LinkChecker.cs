using System.Globalization;
using System.Text.RegularExpressions;

namespace Larder.Docs.Tests;

/// <summary>Finds links of Markdown files that lead to no file or to no heading. Does not look outside the repository.</summary>
internal static partial class LinkChecker
{
    public static IEnumerable<string> Check(IRepository repository, string file) =>
        from link in Markdown.Parse(repository.Read(file)).Links()
        where !External().IsMatch(link.Target)
        let problem = Problem(repository, file, link.Target)
        where problem is not null
        select $"{file}({link.Line}): {link.Target}: {problem}";

    private static string? Problem(IRepository repository, string file, string target)
    {
        if (target.Length == 0)
        {
            return "leads nowhere";
        }

        var hash = target.IndexOf('#', StringComparison.Ordinal);
        var (link, anchor) = hash < 0 ? (target, "") : (target[..hash], Uri.UnescapeDataString(target[(hash + 1)..]));
        link = Uri.UnescapeDataString(link.Split('?')[0]);
        var path = link.Length == 0 ? file : RepositoryExtensions.Resolve(Path.GetDirectoryName(file)!, link);
        if (path is null)
        {
            return "leads out of the repository";
        }

        if (!repository.Has(path))
        {
            return "there is no such file";
        }

        return hash < 0 || HasAnchor(repository, path, anchor) ? null : "there is no such heading";
    }

    private static bool HasAnchor(IRepository repository, string path, string anchor)
    {
        if (!repository.Files.Contains(path))
        {
            path = $"{path}/README.md";
        }

        if (!repository.Files.Contains(path))
        {
            return false;
        }

        var text = repository.Read(path);
        return path.EndsWith(".md", StringComparison.Ordinal)
            ? Markdown.Parse(text).Anchors().Contains(anchor)
            : LineAnchor().Match(anchor) is { Success: true } match
                && int.Parse(match.Groups["last"].Value, CultureInfo.InvariantCulture) <= text.TrimEnd('\n').Split('\n').Length;
    }

    [GeneratedRegex(@"^(?:[a-zA-Z][a-zA-Z0-9+.\-]*:|//)")]
    private static partial Regex External();

    [GeneratedRegex(@"^(?:L[1-9]\d*-)?L(?<last>[1-9]\d{0,8})$")]
    private static partial Regex LineAnchor();
}
