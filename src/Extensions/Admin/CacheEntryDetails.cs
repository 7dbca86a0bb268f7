namespace Larder;

/// <summary>An entry as an operator sees it: all but its value.</summary>
public sealed record CacheEntryDetails
{
    /// <summary>The scope it belongs to.</summary>
    public required CacheScope Scope { get; init; }

    /// <summary>The key as callers give it (but see <see cref="IsKeyHashed"/>).</summary>
    public required string Key { get; init; }

    /// <summary>
    /// The key is too long to stand at the server as it is, and this node does not hold it: <see cref="Key"/> is <c>#</c> and its hash. Such entries are listed by the
    /// pattern <c>*</c> only.
    /// </summary>
    public bool IsKeyHashed { get; init; }

    /// <summary>Where it was found.</summary>
    public required CacheLevels Levels { get; init; }

    /// <summary>What is known of it wherever it is: its tags, when it expires and so on.</summary>
    public required CacheEntryInfo Info { get; init; }

    /// <summary>How often it was served from this node's memory since it came there; null where it is not there, or <see cref="LarderOptions.Statistics"/> is off.</summary>
    public long? Hits { get; init; }

    /// <summary>When it was last served from this node's memory, to the second; null where that is not known, or never.</summary>
    public DateTimeOffset? LastAccess { get; init; }
}

/// <summary>Where an entry is.</summary>
[Flags]
public enum CacheLevels
{
    /// <summary>Nowhere.</summary>
    None = 0,

    /// <summary>In the memory of this node.</summary>
    Memory = 1,

    /// <summary>At the second level.</summary>
    SecondLevel = 2,

    /// <summary>At both.</summary>
    Both = Memory | SecondLevel,
}
