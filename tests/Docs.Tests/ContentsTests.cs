using Xunit;

namespace Larder.Docs.Tests;

/// <summary>Holds the list of the first page to the pages there are.</summary>
public sealed class ContentsTests
{
    [Fact]
    public void Every_page_is_linked_from_the_first_one_or_from_its_folder()
    {
        var linked = new HashSet<string>([.. Targets("README.md"), .. Targets("docs/coming-from/README.md")], StringComparer.Ordinal);

        Assert.All(
            WorkingCopy.Instance.Tracked.Where(file => file.StartsWith("docs/", StringComparison.Ordinal) && file.EndsWith(".md", StringComparison.Ordinal)),
            file => Assert.Contains(file, linked));
    }

    [Fact]
    public void Every_folder_of_the_core_package_is_in_the_list_of_its_folders()
    {
        var list = WorkingCopy.Instance.Read("src/Extensions/README.md");

        Assert.All(
            WorkingCopy.Instance.Tracked.Select(file => file.Split('/')).Where(parts => parts is ["src", "Extensions", _, _, ..]).Select(parts => parts[2]).Distinct(),
            folder => Assert.Contains($"`{folder}/`", list, StringComparison.Ordinal));
    }

    private static IEnumerable<string> Targets(string file) =>
        from link in Markdown.Parse(WorkingCopy.Instance.Read(file)).Links()
        let path = RepositoryExtensions.Resolve(Path.GetDirectoryName(file)!, link.Target.Split('#')[0])
        where path is not null
        select path;
}
