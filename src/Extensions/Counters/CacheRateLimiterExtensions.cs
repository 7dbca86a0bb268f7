using System.Globalization;
using System.Threading.RateLimiting;
using Larder.Counters;

namespace Larder;

/// <summary>Rate limiters for <c>System.Threading.RateLimiting</c> whose permits all nodes share.</summary>
/// <remarks>
/// <para>What was permitted is kept where the counters are, not in the limiter: one that is disposed of and made anew goes on where it was.</para>
/// <para>On a server use <see cref="RateLimiter.AcquireAsync"/>: <see cref="RateLimiter.AttemptAcquire"/> may not wait for a server and is therefore always refused there.
/// ASP.NET Core's rate limiting middleware tries both.</para>
/// </remarks>
public static class CacheRateLimiterExtensions
{
    /// <summary>
    /// A limiter with fixed windows: never more than the limit from the first permit of a window to its end, over all nodes. Around the end of a window
    /// up to twice the limit may be permitted within its length.
    /// </summary>
    /// <param name="counters">The application's counters, or a view in a scope. The ambient scope is settled now.</param>
    /// <param name="key">What is limited. Limiters of one key, scope and kind share their permits; they do not meet counters or entries of the same key.</param>
    /// <param name="options">The limit.</param>
    /// <exception cref="NotSupportedException">The cache's store has no atomic addition, and counting on this node is not allowed.</exception>
    public static RateLimiter CreateFixedWindowLimiter(this ICacheCounters counters, string key, CacheRateLimiterOptions options) =>
        Create(WindowKind.Fixed, counters, key, options);

    /// <summary>
    /// A limiter with a sliding window, approximated from two counts: what was permitted in the window before this one counts by the share of it that
    /// still lies within a window's length, as if it had been spread evenly.
    /// </summary>
    /// <param name="counters">The application's counters, or a view in a scope. The ambient scope is settled now.</param>
    /// <param name="key">What is limited. Limiters of one key, scope and kind share their permits; they do not meet counters or entries of the same key.</param>
    /// <param name="options">The limit.</param>
    /// <exception cref="NotSupportedException">The cache's store has no atomic addition, and counting on this node is not allowed.</exception>
    public static RateLimiter CreateSlidingWindowLimiter(this ICacheCounters counters, string key, CacheRateLimiterOptions options) =>
        Create(WindowKind.Sliding, counters, key, options);

    /// <summary>
    /// A partition for <c>AddPolicy</c> or <see cref="PartitionedRateLimiter.Create{TResource, TPartitionKey}"/>: a fixed-window limiter for the tenant of the running call,
    /// in all its projects and namespaces; or for the scope of a view, as it is.
    /// </summary>
    /// <param name="counters">The application's counters, or a view in a scope.</param>
    /// <param name="key">What is limited within the tenant.</param>
    /// <param name="options">The limit of each tenant.</param>
    public static RateLimitPartition<string> FixedWindowPartition(this ICacheCounters counters, string key, CacheRateLimiterOptions options) =>
        Partition(WindowKind.Fixed, counters, key, options);

    /// <summary>As <see cref="FixedWindowPartition"/>, with a sliding window.</summary>
    /// <param name="counters">The application's counters, or a view in a scope.</param>
    /// <param name="key">What is limited within the tenant.</param>
    /// <param name="options">The limit of each tenant.</param>
    public static RateLimitPartition<string> SlidingWindowPartition(this ICacheCounters counters, string key, CacheRateLimiterOptions options) =>
        Partition(WindowKind.Sliding, counters, key, options);

    private static CacheRateLimiter Create(WindowKind kind, ICacheCounters counters, string key, CacheRateLimiterOptions options)
    {
        var own = CacheCounters.From(counters);
        return new CacheRateLimiter(own.Store, own.Scope ?? CacheScope.Current, key, kind, options);
    }

    private static RateLimitPartition<string> Partition(WindowKind kind, ICacheCounters counters, string key, CacheRateLimiterOptions options)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(options);
        var own = CacheCounters.From(counters);
        var scope = own.Scope ?? new CacheScope(CacheScope.Current.Tenant);

        // The physical key says whose it is and what for, whatever characters either contains. What else makes a limiter stands before it: who asks with another kind or
        // limit must not get the limiter that was made for the first.
        var name = string.Create(CultureInfo.InvariantCulture, $"{kind}:{options.PermitLimit}:{options.Window.Ticks}:{options.AdmitsWithoutServer}:{own.Store.PhysicalKey(scope, key)}");
        return RateLimitPartition.Get<string>(name, _ => new CacheRateLimiter(own.Store, scope, key, kind, options));
    }
}
