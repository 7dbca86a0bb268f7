namespace Larder.Tests.Shared;

/// <summary>Where a server's program is, and what to say when it is nowhere.</summary>
public static class ServerBinary
{
    /// <summary>The variable that, set to <c>none</c>, skips every test that needs a server.</summary>
    public const string SwitchVariable = "LARDER_TEST_SERVERS";

    /// <summary>The program a kind of server runs: <c>redis-server</c> or <c>valkey-server</c>.</summary>
    public static string ProgramOf(ServerKind kind) =>
        kind is ServerKind.Valkey or ServerKind.ValkeyCluster ? "valkey-server" : "redis-server";

    /// <summary>Why tests on this kind of server are skipped; null when they run.</summary>
    public static string? SkipReason(ServerKind kind) =>
        string.Equals(Environment.GetEnvironmentVariable(SwitchVariable), "none", StringComparison.OrdinalIgnoreCase)
            ? $"{SwitchVariable}=none: needs {ProgramOf(kind)}"
            : null;

    /// <summary>The full path of the program.</summary>
    /// <exception cref="ServerMissingException">It is not installed.</exception>
    public static string Find(ServerKind kind)
    {
        var program = ProgramOf(kind);
        var variable = OverrideOf(program);
        if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } chosen)
        {
            return File.Exists(chosen)
                ? Path.GetFullPath(chosen)
                : throw new ServerMissingException($"{variable} names {chosen}, which does not exist.");
        }

        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        // Version managers and sudo shells often leave these two out of PATH.
        return folders.Concat(["/usr/local/bin", "/opt/homebrew/bin"])
            .Where(folder => folder.Length > 0)
            .Select(folder => Path.Combine(folder, program))
            .FirstOrDefault(File.Exists)
            ?? throw new ServerMissingException(
                $"{program} is not installed: run ./test.sh, install the package {program}, set {variable}, or set {SwitchVariable}=none to skip tests on servers.");
    }

    private static string OverrideOf(string program) =>
        program == "valkey-server" ? "LARDER_VALKEY_SERVER" : "LARDER_REDIS_SERVER";
}
