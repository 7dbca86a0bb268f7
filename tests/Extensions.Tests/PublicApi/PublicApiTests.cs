using System.Reflection;
using Xunit;

namespace Larder.Tests.PublicApi;

/// <summary>No public API changes unnoticed: what there is stands in a text file beside this one, under review.</summary>
public sealed class PublicApiTests
{
    private const string Accept = "LARDER_ACCEPT_API";

    [Theory]
    [InlineData("Larder.Extensions")]
    [InlineData("Larder.OutputCaching")]
    [InlineData("Larder.HealthChecks")]
    public async Task The_public_api_is_what_its_file_says(string assembly)
    {
        var actual = PublicSurface.Of(Assembly.Load(assembly));
        var file = SourceFolder.PathOf("PublicApi", $"{assembly}.txt");
        if (Environment.GetEnvironmentVariable(Accept) == "1")
        {
            await File.WriteAllTextAsync(file, string.Concat(actual.Select(line => line + "\n")));
        }

        var expected = await File.ReadAllLinesAsync(file);
        var gone = expected.Except(actual).Select(line => "- " + line);
        var added = actual.Except(expected).Select(line => "+ " + line);
        var changes = gone.Concat(added).ToArray();
        Assert.True(
            changes.Length == 0,
            $"The public API of {assembly} differs from {Path.GetFileName(file)}:\n{string.Join('\n', changes)}\nIf that is meant, run the test once with {Accept}=1 and commit the file.");
        Assert.Equal(expected, actual);
    }

    [Theory]
    [InlineData("Larder.Extensions")]
    [InlineData("Larder.OutputCaching")]
    [InlineData("Larder.HealthChecks")]
    public void Every_public_type_is_sealed_static_or_made_to_be_implemented(string assembly) =>
        Assert.DoesNotContain(
            Assembly.Load(assembly).GetExportedTypes(),
            type => type is { IsClass: true, IsSealed: false, IsAbstract: false });
}
