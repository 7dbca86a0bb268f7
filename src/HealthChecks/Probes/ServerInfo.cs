using System.Globalization;

namespace Larder.Health;

/// <summary>The answer to INFO.</summary>
internal sealed class ServerInfo
{
    private readonly Dictionary<string, string> _fields = new(StringComparer.Ordinal);

    public static ServerInfo Parse(string? text)
    {
        var info = new ServerInfo();
        foreach (var line in (text ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0 && line[0] != '#')
            {
                info._fields[line[..colon]] = line[(colon + 1)..];
            }
        }

        return info;
    }

    /// <summary>A field's text; null where this server has none.</summary>
    public string? Text(string name) => _fields.GetValueOrDefault(name);

    /// <summary>A field's number; null where this server has none.</summary>
    public long? Number(string name) => ToNumber(Text(name));

    /// <summary>The replicas of a master.</summary>
    public IEnumerable<ReplicaInfo> Replicas()
    {
        var master = Number("master_repl_offset");
        for (var i = 0; Text("slave" + i.ToString(CultureInfo.InvariantCulture)) is { } line; i++)
        {
            var fields = line.Split(',').Select(static field => field.Split('=', 2)).Where(static field => field.Length == 2)
                .ToDictionary(static field => field[0], static field => field[1], StringComparer.Ordinal);
            yield return new ReplicaInfo(
                fields.GetValueOrDefault("state") == "online",
                ToNumber(fields.GetValueOrDefault("lag")),
                master - ToNumber(fields.GetValueOrDefault("offset")));
        }
    }

    private static long? ToNumber(string? text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;
}

/// <summary>A replica as its master sees it.</summary>
/// <param name="IsOnline">Whether it follows the stream, rather than still loading a copy.</param>
/// <param name="LagSeconds">Seconds since it last said how far it is.</param>
/// <param name="LagBytes">How much of the stream it has not acknowledged.</param>
internal readonly record struct ReplicaInfo(bool IsOnline, long? LagSeconds, long? LagBytes);
