using Microsoft.Extensions.Caching.Hybrid;

namespace Larder;

/// <summary>
/// What a factory may decide about the entry it loads. It is given to the factory and of use only while the factory runs.
/// </summary>
/// <remarks>
/// Member names follow the context that Microsoft's <c>HybridCache</c> is to get. What the factory sets wins over the call, its
/// namespace and the global options.
/// </remarks>
public sealed class CacheEntryContext
{
    private List<string>? _tags;

    internal CacheEntryContext(string key, CacheScope scope)
    {
        Key = key;
        Scope = scope;
    }

    /// <summary>The key being loaded, as the caller gave it.</summary>
    public string Key { get; }

    /// <summary>The scope the entry belongs to.</summary>
    public CacheScope Scope { get; }

    /// <summary>How long the entry lives; <see langword="null"/> for what the call says. Zero or less: it is not stored.</summary>
    public TimeSpan? Expiration { get; set; }

    /// <summary>How long this node keeps its own copy; <see langword="null"/> for what the call says.</summary>
    public TimeSpan? LocalCacheExpiration { get; set; }

    /// <summary>Where the entry is stored; <see langword="null"/> for what the call says. Only the flags that disable writes count here.</summary>
    public HybridCacheEntryFlags? Flags { get; set; }

    /// <summary>Tags to give the entry besides those of the call. Add what the value shows to be right.</summary>
    public ICollection<string> Tags => _tags ??= [];

    internal IReadOnlyList<string>? AddedTags => _tags is { Count: > 0 } ? _tags : null;

    internal bool IsNotFound { get; private set; }

    internal TimeSpan? NotFoundExpiration { get; private set; }

    internal bool IsNotStored { get; private set; }

    /// <summary>
    /// There is nothing under this key. That is remembered for a short time of its own, so that asking again does not load
    /// again. What the factory returns is given to the caller.
    /// </summary>
    /// <param name="expiration">How long it is remembered; <see langword="null"/> for what the call, its namespace or the global options say. Positive.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="expiration"/> is zero or negative.</exception>
    public void NotFound(TimeSpan? expiration = null)
    {
        if (expiration <= TimeSpan.Zero)
        {
            throw new ArgumentOutOfRangeException(nameof(expiration), expiration, "What was not found must be remembered for longer than zero. Call DoNotStore() to remember nothing.");
        }

        IsNotFound = true;
        NotFoundExpiration = expiration;
    }

    /// <summary>The value is for its callers only and is stored nowhere.</summary>
    public void DoNotStore() => IsNotStored = true;
}
