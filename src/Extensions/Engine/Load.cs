using Larder.Tags;

namespace Larder.Engine;

/// <summary>What belongs to one load besides its factory. The factory may change all but the flight.</summary>
internal sealed class Load<T>(Flight<T> flight, EntryPolicy policy, string[]? tagNames, Group[]? groups)
{
    public Flight<T> Flight { get; } = flight;

    public EntryPolicy Policy { get; set; } = policy;

    public string[]? TagNames { get; set; } = tagNames;

    public Group[]? Groups { get; set; } = groups;

    /// <summary>The factory has given the entry a longer life than the stamps were asked to have.</summary>
    public bool NeedsLongerStamps { get; set; }

    /// <summary>Tags the factory added.</summary>
    public string[]? LateTags { get; set; }

    public bool IsNotStored { get; set; }

    /// <summary>The sets the value belongs to.</summary>
    public CacheIndex[]? Indexes { get; set; }

    /// <summary>The value, loaded or found, now stands where an earlier one may have stood.</summary>
    public bool IsStored { get; set; }

    /// <summary>What the source calls this version of the value.</summary>
    public string? ETag { get; set; }

    /// <summary>The entry that this load replaces in the background, while it is served.</summary>
    public MemoryEntry? Refreshes { get; init; }

    /// <summary>For such a load: ends when another node turns out to load the same.</summary>
    public TaskCompletionSource? Elsewhere { get; init; }

    /// <summary>Tags of that entry.</summary>
    public Group[]? Watched => Refreshes?.Tags;

    /// <summary>An entry found on the way that is served and due for a load in the background.</summary>
    public MemoryEntry? Due { get; set; }

    /// <summary>The key's part in a call that loads several.</summary>
    public LoadBatch<T>.Member? Member { get; set; }

    /// <summary>What those who joined get, once storing has produced it.</summary>
    public FlightResult<T>? Result { get; set; }
}
