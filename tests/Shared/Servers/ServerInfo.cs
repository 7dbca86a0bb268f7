namespace Larder.Tests.Shared;

/// <summary>The fields of an INFO answer.</summary>
public static class ServerInfo
{
    /// <summary>Splits <c>name:value</c> lines; headings and blank lines are left out.</summary>
    public static IReadOnlyDictionary<string, string> Parse(RespValue answer) =>
        (answer.Text ?? "").Split("\n", StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Where(line => line[0] != '#')
            .Select(line => line.Split(':', 2))
            .Where(parts => parts.Length == 2)
            .ToDictionary(parts => parts[0], parts => parts[1]);
}
