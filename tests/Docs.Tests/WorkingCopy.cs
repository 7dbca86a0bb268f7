using System.ComponentModel;
using System.Diagnostics;

namespace Larder.Docs.Tests;

/// <summary>The repository these tests were built from: as git lists it, or all source files where there is no git.</summary>
internal sealed class WorkingCopy : IRepository
{
    private static readonly HashSet<string> s_built =
        [".git", ".vs", ".idea", ".vscode", "bin", "obj", "artifacts", "App_Data", "BenchmarkDotNet.Artifacts", "TestResults"];

    private readonly string _root;

    private WorkingCopy(string root)
    {
        _root = root;
        Tracked = List("--cached");
        Files = List("--cached", "--others", "--exclude-standard").ToHashSet(StringComparer.Ordinal);
    }

    public static WorkingCopy Instance { get; } = new(FindRoot());

    public IReadOnlyCollection<string> Tracked { get; }

    public IReadOnlySet<string> Files { get; }

    public byte[] ReadBytes(string path) => File.ReadAllBytes(Path.Combine(_root, path));

    public bool IsExecutable(string path) =>
        OperatingSystem.IsWindows() || File.GetUnixFileMode(Path.Combine(_root, path)).HasFlag(UnixFileMode.UserExecute);

    private static string FindRoot()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "Extensions.sln")))
            {
                return folder;
            }
        }

        throw new InvalidOperationException($"No Extensions.sln in or above {AppContext.BaseDirectory}.");
    }

    private string[] List(params string[] kinds) =>
        [.. (AskGit(kinds) ?? Walk(_root)).Where(path => File.Exists(Path.Combine(_root, path))).Order(StringComparer.Ordinal)];

    private string[]? AskGit(string[] kinds)
    {
        // A folder above may be another repository's.
        if (!Path.Exists(Path.Combine(_root, ".git")))
        {
            return null;
        }

        try
        {
            // The checkout may belong to another user, as in a container.
            string[] arguments = ["-C", _root, "-c", "safe.directory=*", "ls-files", "-z", .. kinds];
            using var git = Process.Start(new ProcessStartInfo("git", arguments) { RedirectStandardOutput = true })!;
            var output = git.StandardOutput.ReadToEnd();
            git.WaitForExit();
            return git.ExitCode == 0 ? output.Split('\0', StringSplitOptions.RemoveEmptyEntries) : null;
        }
        catch (Win32Exception)
        {
            return null;
        }
    }

    private IEnumerable<string> Walk(string folder) =>
    [
        .. Directory.EnumerateFiles(folder).Select(file => Path.GetRelativePath(_root, file).Replace('\\', '/')),
        .. Directory.EnumerateDirectories(folder).Where(inner => !s_built.Contains(Path.GetFileName(inner))).SelectMany(Walk),
    ];
}
