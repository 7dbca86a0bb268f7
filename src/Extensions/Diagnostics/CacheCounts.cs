namespace Larder;

/// <summary>What was counted of a scope, a tenant, a namespace or everything, on this node. Counts are those since <see cref="CacheStatistics.Since"/>.</summary>
public sealed record CacheCounts
{
    /// <summary>Entries in this node's memory now, valid or not.</summary>
    public long Entries { get; init; }

    /// <summary>Of these, how many say that there is nothing under their key.</summary>
    public long NegativeEntries { get; init; }

    /// <summary>Bytes the entries are counted at (see <see cref="LarderOptions.MaximumMemoryBytes"/>).</summary>
    public long Bytes { get; init; }

    /// <summary>When the oldest entry in memory was stored at first, on whichever node; null without entries.</summary>
    public DateTimeOffset? Oldest { get; init; }

    /// <summary>The same of the newest.</summary>
    public DateTimeOffset? Newest { get; init; }

    /// <summary>Reads answered from memory.</summary>
    public long MemoryHits { get; init; }

    /// <summary>Reads answered from the second level.</summary>
    public long SecondLevelHits { get; init; }

    /// <summary>Reads answered from the cache.</summary>
    public long Hits => MemoryHits + SecondLevelHits;

    /// <summary>Of the hits, those whose answer was "not found".</summary>
    public long NegativeHits { get; init; }

    /// <summary>Reads that waited for a load another call had begun, and took its result.</summary>
    public long JoinedLoads { get; init; }

    /// <summary>Reads that the cache could not answer: they ran their factory, or had none.</summary>
    public long Misses { get; init; }

    /// <summary>The share of hits among all reads, from 0 to 1; 0 without reads.</summary>
    public double HitRate => Hits == 0 ? 0 : (double)Hits / (Hits + JoinedLoads + Misses);

    /// <summary>Values served after their expiration.</summary>
    public long StaleServed { get; init; }

    /// <summary>Removals of keys, patterns and tags, and clears, that were asked for on this node.</summary>
    public long Invalidations { get; init; }

    /// <summary>Factories that have ended, also in the background.</summary>
    public long Loads { get; init; }

    /// <summary>Of these, those that failed.</summary>
    public long FailedLoads { get; init; }

    /// <summary>How long the factories ran, in all.</summary>
    public TimeSpan LoadTime { get; init; }

    /// <summary>How long a factory ran on average; zero without loads.</summary>
    public TimeSpan AverageLoadTime => Loads == 0 ? TimeSpan.Zero : LoadTime / Loads;

    internal CacheCounts Plus(CacheCounts other) => new()
    {
        Entries = Entries + other.Entries,
        NegativeEntries = NegativeEntries + other.NegativeEntries,
        Bytes = Bytes + other.Bytes,
        Oldest = Oldest < other.Oldest ? Oldest : other.Oldest ?? Oldest,
        Newest = Newest > other.Newest ? Newest : other.Newest ?? Newest,
        MemoryHits = MemoryHits + other.MemoryHits,
        SecondLevelHits = SecondLevelHits + other.SecondLevelHits,
        NegativeHits = NegativeHits + other.NegativeHits,
        JoinedLoads = JoinedLoads + other.JoinedLoads,
        Misses = Misses + other.Misses,
        StaleServed = StaleServed + other.StaleServed,
        Invalidations = Invalidations + other.Invalidations,
        Loads = Loads + other.Loads,
        FailedLoads = FailedLoads + other.FailedLoads,
        LoadTime = LoadTime + other.LoadTime,
    };
}
