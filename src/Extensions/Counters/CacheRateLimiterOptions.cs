namespace Larder;

/// <summary>Settings of a rate limiter that all nodes share; see <see cref="CacheRateLimiterExtensions"/>.</summary>
/// <remarks>There is no queue: who is not admitted is told so at once, with a <c>RetryAfter</c>.</remarks>
public sealed class CacheRateLimiterOptions
{
    /// <summary>How many permits all nodes together give in a window. At least 1.</summary>
    public required int PermitLimit { get; init; }

    /// <summary>How long a window is; it begins with the first permit. At least a millisecond, at most 3,650 days.</summary>
    public required TimeSpan Window { get; init; }

    /// <summary>
    /// Whether permits are given while the server does not answer. Default true: the cache is never why a request fails. False: none is. Neither applies where
    /// <see cref="LarderOptions.CountOnThisNodeWithoutServer"/> is on: then each node gives up to the limit on its own meanwhile.
    /// </summary>
    public bool AdmitsWithoutServer { get; init; } = true;
}
