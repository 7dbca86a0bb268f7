namespace Larder.Dashboard;

/// <summary><see cref="CacheStatistics"/> and the node's state, as they are written.</summary>
internal sealed record StatisticsDocument
{
    /// <summary>How many namespaces and tenants are listed; beyond that the smallest are left out and counted.</summary>
    public const int MaximumListed = 1_000;

    private const string Hint = "Hits, misses and loads are not counted. Set LarderOptions.Statistics, or CACHE_METRICS=1 in the environment, and start again.";

    public required DateTimeOffset At { get; init; }

    public required DateTimeOffset Since { get; init; }

    public required bool IsCounting { get; init; }

    /// <summary>How to have hits and misses counted; null where they are.</summary>
    public string? HowToCount { get; init; }

    public required NodeState State { get; init; }

    public required CountsDocument Total { get; init; }

    public required IReadOnlyList<CountsDocument> Namespaces { get; init; }

    public required int NamespacesLeftOut { get; init; }

    public required IReadOnlyList<CountsDocument> Tenants { get; init; }

    public required int TenantsLeftOut { get; init; }

    /// <summary>What belongs to none of them.</summary>
    public required CountsDocument Others { get; init; }

    public static StatisticsDocument Of(CacheStatistics statistics, NodeState state, int maximumListed = MaximumListed)
    {
        var (namespaces, namespacesLeftOut) = List(statistics.ByNamespace(), maximumListed);
        var (tenants, tenantsLeftOut) = List(statistics.ByTenant(), maximumListed);
        return new StatisticsDocument
        {
            At = statistics.At,
            Since = statistics.Since,
            IsCounting = statistics.IsCounting,
            HowToCount = statistics.IsCounting ? null : Hint,
            State = state,
            Total = CountsDocument.Of(null, statistics.Total),
            Namespaces = namespaces,
            NamespacesLeftOut = namespacesLeftOut,
            Tenants = tenants,
            TenantsLeftOut = tenantsLeftOut,
            Others = CountsDocument.Of(null, statistics.Others),
        };
    }

    // Those with most reads and entries, by name.
    private static (CountsDocument[] Listed, int LeftOut) List(IEnumerable<(string? Name, CacheCounts Counts)> all, int maximum)
    {
        var counts = all.ToArray();
        if (counts.Length <= maximum)
        {
            return ([.. counts.Select(static each => CountsDocument.Of(each.Name, each.Counts))], 0);
        }

        var largest = counts.OrderByDescending(static each => each.Counts.Hits + each.Counts.Misses + each.Counts.Entries).Take(maximum).OrderBy(static each => each.Name, StringComparer.Ordinal);
        return ([.. largest.Select(static each => CountsDocument.Of(each.Name, each.Counts))], counts.Length - maximum);
    }
}

/// <summary><see cref="CacheCounts"/> as they are written, with the name of the tenant or namespace; null where that is absent.</summary>
internal sealed record CountsDocument(
    string? Name,
    double HitRate,
    long Hits,
    long MemoryHits,
    long SecondLevelHits,
    long NegativeHits,
    long JoinedLoads,
    long Misses,
    long StaleServed,
    long Loads,
    long FailedLoads,
    double LoadMilliseconds,
    double AverageLoadMilliseconds,
    long Invalidations,
    long Entries,
    long NegativeEntries,
    long Bytes,
    DateTimeOffset? Oldest,
    DateTimeOffset? Newest)
{
    public static CountsDocument Of(string? name, CacheCounts counts) => new(
        name,
        Math.Round(counts.HitRate, 4),
        counts.Hits,
        counts.MemoryHits,
        counts.SecondLevelHits,
        counts.NegativeHits,
        counts.JoinedLoads,
        counts.Misses,
        counts.StaleServed,
        counts.Loads,
        counts.FailedLoads,
        Math.Round(counts.LoadTime.TotalMilliseconds, 3),
        Math.Round(counts.AverageLoadTime.TotalMilliseconds, 3),
        counts.Invalidations,
        counts.Entries,
        counts.NegativeEntries,
        counts.Bytes,
        counts.Oldest,
        counts.Newest);
}
