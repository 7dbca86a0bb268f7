using Microsoft.Extensions.Caching.Hybrid;

namespace Larder;

/// <summary>Defaults for the entries of one namespace. What is <see langword="null"/> is taken from <see cref="LarderOptions"/>.</summary>
public sealed class NamespaceOptions
{
    /// <summary>How long an entry lives. Default: <see cref="LarderOptions.DefaultExpiration"/>. Zero switches caching off in the namespace. Not negative.</summary>
    public TimeSpan? DefaultExpiration { get; set; }

    /// <summary>How long a node keeps its own copy. Default: as long as the entry lives. Must be positive.</summary>
    public TimeSpan? DefaultLocalCacheExpiration { get; set; }

    /// <summary>Flags for every call that gives none of its own.</summary>
    public HybridCacheEntryFlags? Flags { get; set; }

    /// <summary>How long "not found" is remembered. Default: <see cref="LarderOptions.NotFoundExpiration"/>. Must be positive.</summary>
    public TimeSpan? NotFoundExpiration { get; set; }

    /// <summary>Whether a factory that returns null says "not found". Default: <see cref="LarderOptions.NullIsNotFound"/>.</summary>
    public bool? NullIsNotFound { get; set; }

    /// <summary>By which share, at random, entries live longer or shorter. Default: <see cref="LarderOptions.Jitter"/>. From 0 to 0.5.</summary>
    public double? Jitter { get; set; }

    /// <summary>
    /// Whether a loaded value may be stored. What fails is given to its caller and not stored. Default: everything may. It is
    /// called on the loading thread and must not block.
    /// </summary>
    public Func<object?, bool>? Validate { get; set; }

    /// <inheritdoc cref="LarderOptions.SlidingExpiration"/>
    public TimeSpan? SlidingExpiration { get; set; }

    /// <inheritdoc cref="LarderOptions.EarlyRefreshThreshold"/>
    public double? EarlyRefreshThreshold { get; set; }

    /// <inheritdoc cref="LarderOptions.EarlyRefreshBefore"/>
    public TimeSpan? EarlyRefreshBefore { get; set; }

    /// <inheritdoc cref="LarderOptions.StaleWhileRevalidate"/>
    public TimeSpan? StaleWhileRevalidate { get; set; }

    /// <inheritdoc cref="LarderOptions.StaleIfError"/>
    public TimeSpan? StaleIfError { get; set; }

    /// <inheritdoc cref="LarderOptions.StaleIfErrorServes"/>
    public StaleValues? StaleIfErrorServes { get; set; }

    /// <inheritdoc cref="LarderOptions.StaleIfErrorThrottle"/>
    public TimeSpan? StaleIfErrorThrottle { get; set; }

    /// <inheritdoc cref="LarderOptions.SoftTimeout"/>
    public TimeSpan? SoftTimeout { get; set; }

    /// <inheritdoc cref="LarderOptions.HardTimeout"/>
    public TimeSpan? HardTimeout { get; set; }

    /// <inheritdoc cref="LarderOptions.Compression"/>
    public CacheCompression? Compression { get; set; }

    /// <inheritdoc cref="LarderOptions.CompressionThreshold"/>
    public int? CompressionThreshold { get; set; }

    /// <summary>Whether values are encrypted at the second level. Default: <see cref="LarderOptions.Encrypt"/>.</summary>
    public bool? Encrypt { get; set; }

    /// <inheritdoc cref="LarderOptions.AcceptUnencrypted"/>
    public bool? AcceptUnencrypted { get; set; }
}
