using System.Globalization;

namespace Larder.Tests.Shared;

/// <summary>How often a server has run each command, for tests that count round trips.</summary>
/// <remarks>Counts the commands of all clients. Commands inside a script count too, beside the script's own call.</remarks>
public sealed class CommandCounts
{
    /// <summary>What clients and fixtures send on their own account: connecting, heartbeats, administration.</summary>
    private static readonly HashSet<string> Housekeeping =
    [
        "acl", "asking", "auth", "client", "cluster", "command", "config", "debug", "dbsize", "echo", "failover", "flushall", "flushdb",
        "hello", "info", "latency", "memory", "monitor", "ping", "psync", "quit", "readonly", "readwrite", "replconf", "replicaof",
        "role", "select", "sentinel", "slaveof", "slowlog", "time",
    ];

    private readonly Dictionary<string, long> _calls;

    private CommandCounts(Dictionary<string, long> calls) => _calls = calls;

    /// <summary>Calls of one command; of a family (<c>script</c>) when it has subcommands (<c>script|load</c>).</summary>
    public long this[string command] => _calls
        .Where(call => call.Key.Equals(command, StringComparison.OrdinalIgnoreCase)
            || call.Key.StartsWith(command + "|", StringComparison.OrdinalIgnoreCase))
        .Sum(call => call.Value);

    /// <summary>Calls of everything an application sends: all but connecting, heartbeats and administration.</summary>
    public long Total => _calls.Where(call => !Housekeeping.Contains(call.Key.Split('|')[0])).Sum(call => call.Value);

    /// <summary>What was called after <paramref name="earlier"/> was taken.</summary>
    public CommandCounts Since(CommandCounts earlier) => new(_calls
        .Select(call => KeyValuePair.Create(call.Key, call.Value - earlier._calls.GetValueOrDefault(call.Key)))
        .Where(call => call.Value != 0)
        .ToDictionary());

    /// <inheritdoc/>
    public override string ToString() => string.Join(", ", _calls.Select(call => $"{call.Key} {call.Value}"));

    internal static CommandCounts Sum(IEnumerable<CommandCounts> counts) => new(counts
        .SelectMany(count => count._calls)
        .GroupBy(call => call.Key, (name, calls) => KeyValuePair.Create(name, calls.Sum(call => call.Value)))
        .ToDictionary());

    /// <summary>Reads <c>cmdstat_get:calls=3,usec=…</c>.</summary>
    internal static CommandCounts Parse(IReadOnlyDictionary<string, string> info) => new(info
        .Where(field => field.Key.StartsWith("cmdstat_", StringComparison.Ordinal))
        .ToDictionary(
            field => field.Key["cmdstat_".Length..],
            field => long.Parse(field.Value.Split(',')[0]["calls=".Length..], CultureInfo.InvariantCulture)));
}
