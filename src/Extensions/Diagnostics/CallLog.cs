using Larder.Backplane;
using Larder.Engine;
using Larder.Scopes;
using Microsoft.Extensions.Logging;

namespace Larder.Diagnostics;

/// <summary>A line for each hit, miss, load and invalidation, for whoever follows what the cache does. Keys are shown, values never.</summary>
/// <remarks>Keys stand as they do at the server, so that none of them can begin a line of its own.</remarks>
internal sealed partial class CallLog(ILogger logger)
{
    public const string Category = "Larder.Calls";

    public void Hit(MemoryEntry entry, string level, long now, bool isStale)
    {
        if (logger.IsEnabled(LogLevel.Debug))
        {
            LogHit(entry.Scope.Id, ScopedKey.Key(entry.Key), level, Seconds((entry.Terms?.Expires ?? entry.FreshUntil) - now), isStale ? " stale" : "", entry is NegativeEntry ? " not-found" : "");
        }
    }

    /// <summary>A factory has ended.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="isBackground">Whether nobody waits for it.</param>
    /// <param name="wasExpired">Whether there was a value whose time was over.</param>
    /// <param name="took">How long it ran.</param>
    /// <param name="expiration">How long its value is kept; null if it is not, or has failed.</param>
    /// <param name="succeeded">Whether it gave one.</param>
    public void Load(MemoryKey key, bool isBackground, bool wasExpired, TimeSpan took, TimeSpan? expiration, bool succeeded)
    {
        if (!logger.IsEnabled(LogLevel.Debug))
        {
            return;
        }

        var (text, outcome) = (ScopedKey.Key(key.Key), !succeeded ? "failed" : expiration is { } kept ? FormattableString.Invariant($"ttl={(long)kept.TotalSeconds}") : "not-stored");
        if (isBackground)
        {
            LogWarm(key.Scope.Id, text, took.TotalMilliseconds, outcome);
        }
        else
        {
            LogMiss(key.Scope.Id, text, took.TotalMilliseconds, outcome, wasExpired ? "expired" : "absent");
        }
    }

    public void Invalidation(in BackplaneMessage message, bool isRemote)
    {
        if (logger.IsEnabled(LogLevel.Debug))
        {
            var what = message.Kind switch
            {
                MessageKind.KeyChanged => "key",
                MessageKind.TagInvalidated => "tag",
                MessageKind.PatternInvalidated => "pattern",
                _ => "all",
            };
            LogInvalidation(what, message.Scope, ScopedKey.Key(message.Name), isRemote ? "another node" : "this node");
        }
    }

    private static long Seconds(long milliseconds) => milliseconds == long.MaxValue ? -1 : (long)Math.Floor(milliseconds / 1000d);

    [LoggerMessage(60, LogLevel.Debug, "[HIT] key={Scope}:{Key} level={Level} ttl={Seconds}{Stale}{NotFound}")]
    private partial void LogHit(string scope, string key, string level, long seconds, string stale, string notFound);

    [LoggerMessage(61, LogLevel.Debug, "[MISS] key={Scope}:{Key} duration_ms={Milliseconds:0.0} {Outcome} cause={Cause}")]
    private partial void LogMiss(string scope, string key, double milliseconds, string outcome, string cause);

    [LoggerMessage(62, LogLevel.Debug, "[WARM] key={Scope}:{Key} duration_ms={Milliseconds:0.0} {Outcome}")]
    private partial void LogWarm(string scope, string key, double milliseconds, string outcome);

    [LoggerMessage(63, LogLevel.Debug, "[INVALIDATE] {What}={Scope}:{Name} by={Origin}")]
    private partial void LogInvalidation(string what, string scope, string name, string origin);
}
