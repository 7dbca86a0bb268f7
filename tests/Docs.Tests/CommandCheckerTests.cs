using Xunit;

namespace Larder.Docs.Tests;

public sealed class CommandCheckerTests
{
    private readonly FakeRepository _repository = new()
    {
        ["README.md"] = "# Name\n```sh\n./before.sh\n```\n## Commands\n```sh\n# first\n./one.sh\n\n./two.sh # then\n```\n```json\n{}\n```\n## After\n```sh\n./after.sh\n```\n",
        ["one.sh"] = "",
        ["two.sh"] = "",
        ["app/App.csproj"] = """<Project Sdk="Microsoft.NET.Sdk.Web" />""",
        ["app/inner/Inner.csproj"] = """<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><OutputType>Exe</OutputType></PropertyGroup></Project>""",
        ["lib/Lib.csproj"] = """<Project Sdk="Microsoft.NET.Sdk" />""",
        ["many/One.csproj"] = "",
        ["many/Two.csproj"] = "",
    };

    public CommandCheckerTests() => _repository.Executable.Add("one.sh");

    [Fact]
    public void Only_the_commands_of_the_section_are_taken() =>
        Assert.Equal(["./one.sh", "./two.sh # then"], CommandChecker.Commands(_repository, "README.md", "Commands"));

    [Fact]
    public void A_section_that_is_missing_has_no_commands() => Assert.Empty(CommandChecker.Commands(_repository, "README.md", "Two commands"));

    [Theory]
    [InlineData("./one.sh --all")]
    [InlineData("dotnet run --project app")]
    [InlineData("dotnet run --project ./app/inner/   # then read lib/Lib.csproj")]
    public void A_command_that_can_be_run_is_right(string command) => Assert.Empty(CommandChecker.Check(_repository, command));

    [Theory]
    [InlineData("./two.sh", "./two.sh: the script may not be executed")]
    [InlineData("./three.sh # all", "./three.sh: there is no such script")]
    [InlineData("dotnet run --project missing", "dotnet run --project missing: there is no such project")]
    [InlineData("dotnet run --project ap", "dotnet run --project ap: there is no such project")]
    [InlineData("dotnet run --project lib", "dotnet run --project lib: the project is a library")]
    [InlineData("dotnet run --project many", "dotnet run --project many: there are several projects")]
    [InlineData("make", "make: is no command that this check knows")]
    [InlineData("./one.sh   # then open app/App.http", "app/App.http: there is no such file")]
    public void A_command_that_cannot_be_run_is_reported(string command, string problem) =>
        Assert.Equal([problem], CommandChecker.Check(_repository, command));
}
