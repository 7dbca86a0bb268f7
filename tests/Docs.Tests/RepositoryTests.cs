using Xunit;

namespace Larder.Docs.Tests;

/// <summary>Holds this repository's documentation to what is in it.</summary>
public sealed class RepositoryTests
{
    /// <summary>Every example: the page, and the line where it begins.</summary>
    public static TheoryData<string, int> Snippets
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (var (file, snippet) in Documentation.Snippets(WorkingCopy.Instance))
            {
                data.Add(file, snippet.Line);
            }

            return data;
        }
    }

    /// <summary>Every page.</summary>
    public static TheoryData<string> Pages =>
        [.. WorkingCopy.Instance.Tracked.Where(file => file.EndsWith(".md", StringComparison.OrdinalIgnoreCase))];

    [Theory]
    [MemberData(nameof(Snippets))]
    public void An_example_compiles(string file, int line)
    {
        var (_, snippet) = Documentation.Snippets(WorkingCopy.Instance).Single(example => (example.File, example.Snippet.Line) == (file, line));

        NoProblem(SnippetCompiler.Compile(file, snippet));
    }

    [Fact]
    public void The_first_page_has_an_example() =>
        Assert.Contains(Documentation.Snippets(WorkingCopy.Instance), example => example.File == "README.md");

    [Theory]
    [MemberData(nameof(Pages))]
    public void Links_lead_somewhere(string file) => NoProblem(LinkChecker.Check(WorkingCopy.Instance, file));

    [Fact]
    public void The_two_commands_of_the_first_page_can_be_run()
    {
        var commands = CommandChecker.Commands(WorkingCopy.Instance, "README.md", "Two commands");

        Assert.Equal(2, commands.Count);
        NoProblem(commands.SelectMany(command => CommandChecker.Check(WorkingCopy.Instance, command)));
    }

    [Fact]
    public void No_file_names_a_path_of_one_machine() =>
        NoProblem(WorkingCopy.Instance.Tracked.SelectMany(file => MachinePaths.Check(WorkingCopy.Instance, file)));

    private static void NoProblem(IEnumerable<string> problems)
    {
        var found = string.Join('\n', problems);
        Assert.True(found.Length == 0, found);
    }
}
