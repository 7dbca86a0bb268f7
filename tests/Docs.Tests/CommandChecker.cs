using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Larder.Docs.Tests;

/// <summary>Finds shell commands of a Markdown section that name projects, scripts or files which are not there.</summary>
internal static partial class CommandChecker
{
    public static IReadOnlyList<string> Commands(IRepository repository, string file, string section)
    {
        var markdown = Markdown.Parse(repository.Read(file));
        return markdown.Section(section) is not var (start, end)
            ? []
            : [.. from fence in markdown.Fences
                  where fence.Language is "sh" or "bash" && fence.Line > start && fence.Line < end
                  from line in fence.Text.Split('\n')
                  let command = line.Trim()
                  where command.Length > 0 && !command.StartsWith('#')
                  select command];
    }

    public static IEnumerable<string> Check(IRepository repository, string line)
    {
        var hash = Comment().Match(line);
        var (command, comment) = hash.Success ? (line[..hash.Index], line[hash.Index..]) : (line, "");
        var words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var problem = words switch
        {
            ["dotnet", "run", "--project", var project, ..] => Project(repository, project),
            [var script, ..] when script.StartsWith("./", StringComparison.Ordinal) => Script(repository, script),
            _ => "is no command that this check knows",
        };
        return
        [
            .. problem is null ? (string[])[] : [$"{command.Trim()}: {problem}"],
            .. from match in PathInText().Matches(comment)
               where !repository.Has(match.Value)
               select $"{match.Value}: there is no such file",
        ];
    }

    private static string? Project(IRepository repository, string path)
    {
        var folder = RepositoryExtensions.Resolve("", path) + "/";
        var projects = repository.Files
            .Where(file => file.StartsWith(folder, StringComparison.Ordinal) && file.LastIndexOf('/') == folder.Length - 1)
            .Where(file => file.EndsWith(".csproj", StringComparison.Ordinal))
            .ToList();
        return projects switch
        {
            [] => "there is no such project",
            [var project] => Runs(XDocument.Parse(repository.Read(project)).Root!) ? null : "the project is a library",
            _ => "there are several projects",
        };
    }

    private static bool Runs(XElement project) =>
        (string?)project.Attribute("Sdk") is "Microsoft.NET.Sdk.Web" or "Microsoft.NET.Sdk.Worker"
        || project.Descendants("OutputType").Any(type => type.Value == "Exe");

    private static string? Script(IRepository repository, string path)
    {
        var script = RepositoryExtensions.Resolve("", path);
        return script is null || !repository.Files.Contains(script) ? "there is no such script"
            : repository.IsExecutable(script) ? null
            : "the script may not be executed";
    }

    [GeneratedRegex(@"(?:^|\s)#")]
    private static partial Regex Comment();

    [GeneratedRegex(@"(?<![^\s(])[\w.\-]+(?:/[\w.\-]*\w)+")]
    private static partial Regex PathInText();
}
