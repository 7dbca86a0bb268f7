namespace Larder.Tests;

/// <summary>Where the sources of the tests are; builds that hide the paths of their machine do not tell.</summary>
internal static class SourceFolder
{
    public static string PathOf(params ReadOnlySpan<string> parts)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Extensions.sln")))
            {
                return Path.Combine([folder.FullName, "tests", "Extensions.Tests", .. parts]);
            }
        }

        throw new DirectoryNotFoundException($"No folder above {AppContext.BaseDirectory} holds Extensions.sln.");
    }
}
