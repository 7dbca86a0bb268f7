using Larder.Engine;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder;

/// <summary>
/// What one call wants, beyond what <see cref="HybridCacheEntryOptions"/> can say. What is <see langword="null"/> is taken from the
/// namespace, then from <see cref="LarderOptions"/>, where each setting is described. Make one and keep it: it costs less than one per call.
/// </summary>
public sealed class CacheEntryPolicy
{
    private const int MaximumMerged = 16;

    private Merged? _merged;

    /// <summary>How long the entry lives. Zero: the call is not cached.</summary>
    public TimeSpan? Expiration { get; init; }

    /// <summary>How long a node keeps its own copy. Default: as long as the entry lives.</summary>
    public TimeSpan? LocalCacheExpiration { get; init; }

    /// <summary>Which levels are read and written.</summary>
    public HybridCacheEntryFlags? Flags { get; init; }

    /// <inheritdoc cref="LarderOptions.NotFoundExpiration"/>
    public TimeSpan? NotFoundExpiration { get; init; }

    /// <inheritdoc cref="LarderOptions.NullIsNotFound"/>
    public bool? NullIsNotFound { get; init; }

    /// <inheritdoc cref="LarderOptions.Jitter"/>
    public double? Jitter { get; init; }

    /// <inheritdoc cref="NamespaceOptions.Validate"/>
    public Func<object?, bool>? Validate { get; init; }

    /// <inheritdoc cref="LarderOptions.SlidingExpiration"/>
    public TimeSpan? SlidingExpiration { get; init; }

    /// <inheritdoc cref="LarderOptions.EarlyRefreshThreshold"/>
    public double? EarlyRefreshThreshold { get; init; }

    /// <inheritdoc cref="LarderOptions.EarlyRefreshBefore"/>
    public TimeSpan? EarlyRefreshBefore { get; init; }

    /// <inheritdoc cref="LarderOptions.StaleWhileRevalidate"/>
    public TimeSpan? StaleWhileRevalidate { get; init; }

    /// <inheritdoc cref="LarderOptions.StaleIfError"/>
    public TimeSpan? StaleIfError { get; init; }

    /// <inheritdoc cref="LarderOptions.StaleIfErrorServes"/>
    public StaleValues? StaleIfErrorServes { get; init; }

    /// <inheritdoc cref="LarderOptions.StaleIfErrorThrottle"/>
    public TimeSpan? StaleIfErrorThrottle { get; init; }

    /// <inheritdoc cref="LarderOptions.SoftTimeout"/>
    public TimeSpan? SoftTimeout { get; init; }

    /// <inheritdoc cref="LarderOptions.HardTimeout"/>
    public TimeSpan? HardTimeout { get; init; }

    /// <summary>This policy over the rules of a namespace, checked and worked out once.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range, or does not go with another.</exception>
    internal EntryRules Over(EntryRules rules)
    {
        var count = 0;
        for (var merged = _merged; merged is not null; merged = merged.Next)
        {
            if (ReferenceEquals(merged.Over, rules))
            {
                return merged.Result;
            }

            count++;
        }

        var result = rules.With(this);
        foreach (var (name, value, expected) in result.Faults())
        {
            throw new ArgumentOutOfRangeException(name, value, $"It must be {expected}.");
        }

        // One for each namespace it is used in. Two callers at once may lose one of theirs, which is then worked out again.
        _merged = new Merged(rules, result, count < MaximumMerged ? _merged : null);
        return result;
    }

    private sealed record Merged(EntryRules Over, EntryRules Result, Merged? Next);
}
