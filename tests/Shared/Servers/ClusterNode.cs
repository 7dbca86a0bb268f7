using System.Globalization;

namespace Larder.Tests.Shared;

/// <summary>One line of CLUSTER NODES.</summary>
internal sealed record ClusterNode(string Id, int Port, IReadOnlyList<string> Flags, string MasterId, bool IsLinked, IReadOnlyList<(int First, int Last)> Slots)
{
    internal bool IsMaster => Flags.Contains("master");

    internal bool IsFailed => Flags.Any(flag => flag is "fail" or "fail?" or "handshake" or "noaddr");

    internal bool Owns(int slot) => IsMaster && !Flags.Contains("fail") && Slots.Any(range => range.First <= slot && slot <= range.Last);

    /// <summary>Reads <c>id ip:port@bus[,host] flags master ping-sent pong-recv epoch link-state slot…</c>.</summary>
    internal static IReadOnlyList<ClusterNode> ParseAll(RespValue answer) =>
        [.. answer.Text!.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.TrimEnd('\r').Split(' ')).Select(Parse)];

    private static ClusterNode Parse(string[] fields) => new(
        fields[0],
        Number(fields[1].Split('@')[0].Split(':')[^1]),
        fields[2].Split(','),
        fields[3],
        fields[7] == "connected",
        [.. fields.Skip(8).Where(field => field[0] != '[').Select(field => field.Split('-')).Select(ends => (Number(ends[0]), Number(ends[^1])))]);

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
