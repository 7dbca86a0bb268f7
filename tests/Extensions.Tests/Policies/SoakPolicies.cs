namespace Larder.Tests.Policies;

/// <summary>From short to long, each with another mixture of what can be said.</summary>
internal static class SoakPolicies
{
    public static readonly CacheEntryPolicy[] All = Make(null);

    /// <summary>The same, for callers who take what was invalidated.</summary>
    public static readonly CacheEntryPolicy[] Reckless = Make(StaleValues.Invalidated);

    private static CacheEntryPolicy[] Make(StaleValues? serves) =>
    [
        new()
        {
            Expiration = TimeSpan.FromMilliseconds(60),
            StaleWhileRevalidate = TimeSpan.FromMilliseconds(60),
            StaleIfError = TimeSpan.FromMilliseconds(400),
            EarlyRefreshThreshold = 0.5,
            StaleIfErrorThrottle = TimeSpan.FromMilliseconds(10),
            SoftTimeout = TimeSpan.FromMilliseconds(3),
            HardTimeout = TimeSpan.FromMilliseconds(60),
            StaleIfErrorServes = serves,
        },
        new()
        {
            Expiration = TimeSpan.FromMilliseconds(200),
            StaleWhileRevalidate = TimeSpan.FromMilliseconds(200),
            StaleIfError = TimeSpan.FromSeconds(2),
            EarlyRefreshThreshold = 0.5,
            StaleIfErrorThrottle = TimeSpan.FromMilliseconds(30),
            SoftTimeout = TimeSpan.FromMilliseconds(8),
            StaleIfErrorServes = serves,
        },
        new()
        {
            Expiration = TimeSpan.FromMilliseconds(500),
            LocalCacheExpiration = TimeSpan.FromMilliseconds(50),
            StaleWhileRevalidate = TimeSpan.FromMilliseconds(500),
            StaleIfError = TimeSpan.FromSeconds(2),
            EarlyRefreshThreshold = 0.2,
            StaleIfErrorThrottle = TimeSpan.FromMilliseconds(20),
            StaleIfErrorServes = serves,
        },
        new()
        {
            Expiration = TimeSpan.FromMilliseconds(800),
            SlidingExpiration = TimeSpan.FromMilliseconds(100),
            StaleWhileRevalidate = TimeSpan.FromMilliseconds(100),
            StaleIfError = TimeSpan.FromMilliseconds(400),
            EarlyRefreshBefore = TimeSpan.FromMilliseconds(700),
            StaleIfErrorThrottle = TimeSpan.FromMilliseconds(20),
            HardTimeout = TimeSpan.FromMilliseconds(100),
            StaleIfErrorServes = serves,
        },
        new()
        {
            Expiration = TimeSpan.FromSeconds(20),
            StaleIfError = TimeSpan.FromSeconds(20),
            EarlyRefreshThreshold = 0.01,
            StaleIfErrorThrottle = TimeSpan.FromMilliseconds(20),
            SoftTimeout = TimeSpan.FromMilliseconds(1),
            StaleIfErrorServes = serves,
        },
        new()
        {
            Expiration = TimeSpan.FromMilliseconds(60),
            StaleWhileRevalidate = TimeSpan.FromMilliseconds(60),
            EarlyRefreshThreshold = 0.5,
            StaleIfErrorThrottle = TimeSpan.FromMilliseconds(10),
            StaleIfErrorServes = serves,
        },
    ];
}
