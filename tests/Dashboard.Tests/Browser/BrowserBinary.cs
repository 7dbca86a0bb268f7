namespace Larder.Tests;

/// <summary>Where the browser's program is, and what to say when it is nowhere. As <c>eng/test/install.sh</c> looks for it.</summary>
internal static class BrowserBinary
{
    public const string SwitchVariable = "LARDER_TEST_BROWSER";

    private const string PathVariable = "LARDER_CHROMIUM";

    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome"];

    private static readonly string[] Applications =
        ["/Applications/Chromium.app/Contents/MacOS/Chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"];

    /// <summary>Why tests in a browser are skipped; null when they run.</summary>
    public static string? SkipReason =>
        string.Equals(Environment.GetEnvironmentVariable(SwitchVariable), "none", StringComparison.OrdinalIgnoreCase) ? $"{SwitchVariable}=none: needs chromium" : null;

    public static string Find()
    {
        if (Environment.GetEnvironmentVariable(PathVariable) is { Length: > 0 } chosen)
        {
            return File.Exists(chosen) ? chosen : throw new FileNotFoundException($"{PathVariable} names {chosen}, which does not exist.");
        }

        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Where(static folder => folder.Length > 0);
        return folders.SelectMany(static folder => Names.Select(name => Path.Combine(folder, name))).Concat(Applications).FirstOrDefault(File.Exists)
            ?? throw new FileNotFoundException($"chromium is not installed: run ./test.sh, install the package chromium, set {PathVariable}, or set {SwitchVariable}=none to skip tests in a browser.");
    }
}
