namespace Larder;

/// <summary>Something was invalidated, on this node or another.</summary>
public sealed record CacheInvalidation
{
    /// <summary>What kind of thing.</summary>
    public required CacheInvalidationKind Kind { get; init; }

    /// <summary>
    /// The scope of the key, pattern or tag, or the namespace, project or tenant itself; null for everything and for what is not known. A part of more than 128 characters that was
    /// invalidated on another node is its hash.
    /// </summary>
    public CacheScope? Scope { get; init; }

    /// <summary>The key, the pattern or the tag; otherwise null.</summary>
    public string? Name { get; init; }

    /// <summary>Whether it was asked for on this node.</summary>
    public required bool IsLocal { get; init; }

    /// <summary>When this node did it or heard of it.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>How many came before this one since the last and were dropped, because the reader was too slow.</summary>
    public long Missed { get; init; }
}

/// <summary>What was invalidated.</summary>
public enum CacheInvalidationKind
{
    /// <summary>A key was removed or set.</summary>
    Key,

    /// <summary>The keys that fit a pattern were removed.</summary>
    Pattern,

    /// <summary>A tag was removed.</summary>
    Tag,

    /// <summary>A namespace was cleared.</summary>
    Namespace,

    /// <summary>A project was cleared.</summary>
    Project,

    /// <summary>A tenant, or all that has none, was cleared.</summary>
    Tenant,

    /// <summary>Everything was cleared.</summary>
    Everything,

    /// <summary>This node may have missed messages of others: anything may have been invalidated.</summary>
    Unknown,
}
