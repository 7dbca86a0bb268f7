namespace Larder;

/// <summary>What the cache runs on. It holds no secrets and may be shown.</summary>
/// <param name="Backend"><c>memory</c>, <c>redis</c>, <c>valkey</c>, <c>server</c> (a connection that the application makes), or <c>distributed cache</c> (an <c>IDistributedCache</c> of the application).</param>
/// <param name="Source">Which setting chose it, for example <c>REDIS_URL</c>.</param>
/// <param name="IsReachable">Whether it answers. If not the application runs on this node's memory, and the server is used as soon as it answers.</param>
/// <param name="Reason">Why it was chosen, or why it does not answer, for people.</param>
/// <param name="Settings">The main settings by name, among them the server's hosts, database and whether it uses TLS.</param>
public sealed record LarderReport(string Backend, string Source, bool IsReachable, string Reason, IReadOnlyDictionary<string, string> Settings)
{
    /// <summary>Whether values are kept at all: not if <see cref="LarderOptions.DefaultExpiration"/> is zero.</summary>
    public bool IsCaching { get; init; } = true;
}
