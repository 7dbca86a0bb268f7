using System.Globalization;

namespace Larder.Health;

/// <summary>Whether the server still takes writes, and whether it throws away what must stay.</summary>
/// <remarks>
/// Entries may be evicted: they are loaded again. Stamps, locks and counts stand beside them, all with a TTL, so that no policy but
/// <c>noeviction</c> spares them. A stamp that is lost makes its entries misses; a lock or a count that is lost is lost.
/// </remarks>
internal sealed class MemoryProbe(LarderHealthOptions options) : IHealthProbe
{
    private const string NoEviction = "noeviction";

    private readonly Lock _lock = new();
    private Dictionary<string, long> _evicted = new(StringComparer.Ordinal);

    public string Name => "memory";

    public async Task<Finding?> ProbeAsync(ProbeRun run, CancellationToken cancellationToken)
    {
        if (!run.HasServer)
        {
            return null;
        }

        var view = await run.ServerAsync().ConfigureAwait(false);
        var masters = await ServerView.InfoAsync(view.Masters).ConfigureAwait(false);
        if (!masters.Any(static master => master.Info.Number("used_memory") is not null))
        {
            return Finding.Unknown();
        }

        // Each has a bound of its own; the fullest counts.
        var (_, fullest) = masters.MaxBy(static master => Ratio(master.Info) ?? 0);
        var ratio = Ratio(fullest);
        var policy = fullest.Text("maxmemory_policy");
        var evicted = Evicted(masters);
        var isFull = ratio >= options.MemoryThreshold;
        var mayEvict = ratio is not null && policy is not (null or NoEviction) && !options.AcceptsEviction;
        var finding = Finding.Of(
            unhealthy: null,
            isFull && policy == NoEviction ? string.Create(CultureInfo.InvariantCulture, $"The server's memory is {ratio:P0} full, and it refuses writes when there is none left.")
                : mayEvict && (isFull || evicted > 0) ? $"The server evicts by {policy}, which may also take stamps, locks and counts."
                : null);
        return finding
            .With("usedBytes", fullest.Number("used_memory"))
            .With("maximumBytes", fullest.Number("maxmemory"))
            .With("ratio", ratio is { } share ? Math.Round(share, 3) : null)
            .With("policy", policy)
            .With("evictedSinceLastProbe", evicted)
            .With("warning", mayEvict ? $"{policy} can evict what must stay (stamps, locks, counts); {NoEviction} cannot." : null);
    }

    private static double? Ratio(ServerInfo info) =>
        info.Number("maxmemory") is > 0 and var maximum && info.Number("used_memory") is { } used ? (double)used / maximum : null;

    /// <summary>How many keys were evicted between the last probe and this one; null for the first.</summary>
    private long? Evicted(IReadOnlyList<(ServerNode Node, ServerInfo Info)> masters)
    {
        var now = masters.ToDictionary(static master => ServerView.Text(master.Node.Server.EndPoint), static master => master.Info.Number("evicted_keys") ?? 0, StringComparer.Ordinal);
        lock (_lock)
        {
            var before = _evicted;
            _evicted = now;
            long? sum = null;
            foreach (var (endPoint, count) in now)
            {
                if (before.TryGetValue(endPoint, out var last))
                {
                    // It began anew if the server did.
                    sum = (sum ?? 0) + (count >= last ? count - last : count);
                }
            }

            return sum;
        }
    }
}
