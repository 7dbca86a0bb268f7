using Microsoft.Extensions.Caching.Hybrid;

namespace Larder;

/// <summary>
/// What one call wants, beyond what <see cref="HybridCacheEntryOptions"/> can say. What is <see langword="null"/> is taken from the
/// namespace, then from <see cref="LarderOptions"/>.
/// </summary>
public sealed class CacheEntryPolicy
{
    /// <summary>How long the entry lives. Zero: the call is not cached.</summary>
    public TimeSpan? Expiration { get; init; }

    /// <summary>How long a node keeps its own copy. Default: as long as the entry lives.</summary>
    public TimeSpan? LocalCacheExpiration { get; init; }

    /// <summary>Which levels are read and written.</summary>
    public HybridCacheEntryFlags? Flags { get; init; }

    /// <summary>How long "not found" is remembered. Positive.</summary>
    public TimeSpan? NotFoundExpiration { get; init; }

    /// <summary>Whether a factory that returns null says "not found"; otherwise null is stored as a value.</summary>
    public bool? NullIsNotFound { get; init; }

    /// <summary>By which share, at random, an entry lives longer or shorter: 0.1 for up to 10 % either way. From 0 to 0.5.</summary>
    public double? Jitter { get; init; }

    /// <summary>Whether a loaded value may be stored. What fails is given to its caller and not stored.</summary>
    public Func<object?, bool>? Validate { get; init; }

    internal void ThrowIfInvalid()
    {
        if (NotFoundExpiration <= TimeSpan.Zero)
        {
            throw new ArgumentOutOfRangeException(nameof(NotFoundExpiration), NotFoundExpiration, "It must be longer than zero.");
        }

        if (Jitter is < 0 or > 0.5 or double.NaN)
        {
            throw new ArgumentOutOfRangeException(nameof(Jitter), Jitter, "It must be from 0 to 0.5.");
        }
    }
}
