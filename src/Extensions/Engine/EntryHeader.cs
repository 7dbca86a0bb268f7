namespace Larder.Engine;

/// <summary>What the header of a stored entry says.</summary>
internal readonly record struct EntryHeader
{
    public required string PhysicalKey { get; init; }

    public required long Id { get; init; }

    public required long Created { get; init; }

    public required long Expires { get; init; }

    public required long ScopeStamp { get; init; }

    public required TagStamp[] Tags { get; init; }

    public bool IsNull { get; init; }

    /// <summary>There is no value, and that is what was stored.</summary>
    public bool IsNotFound { get; init; }

    public StoredTerms Terms { get; init; }

    public CacheIndex[]? Indexes { get; init; }

    /// <summary>What lies around the value.</summary>
    public PayloadLayer Layers { get; init; }
}

/// <summary>What a stored value may be wrapped in, as the header's flags say it.</summary>
[Flags]
internal enum PayloadLayer : ushort
{
    None = 0,
    Compressed = 16,
    Encrypted = 32,
}

/// <summary>What a stored entry is besides fresh until it expires; times in milliseconds, zero for off.</summary>
internal readonly record struct StoredTerms(long StaleWhileRevalidate, long StaleIfError, long SlidingWindow, string? ETag)
{
    public bool IsDefault => StaleWhileRevalidate == 0 && StaleIfError == 0 && SlidingWindow == 0 && ETag is null;
}

/// <summary>A tag of an entry and its stamp from before the load.</summary>
internal readonly record struct TagStamp(string Name, long Stamp);

/// <summary>Why a payload from the second level was not used.</summary>
internal enum PayloadFault
{
    None,
    Foreign,
    Version,
    Damaged,
    OtherKey,
    Value,

    /// <summary>It is not encrypted, and what is not is not accepted.</summary>
    NotEncrypted,

    /// <summary>It is encrypted with a key that is not known here.</summary>
    UnknownKey,

    /// <summary>The key it is encrypted with could not be had.</summary>
    NoKey,

    /// <summary>What was encrypted, its header or its place is not what it was.</summary>
    NotAuthentic,

    /// <summary>It cannot be decompressed, or becomes larger than values may be.</summary>
    Compression,
}
