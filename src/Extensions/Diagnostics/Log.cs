using Microsoft.Extensions.Logging;

namespace Larder.Diagnostics;

/// <summary>Every log message of the pack. Keys appear at Debug only, values never.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "A key was not cached because it is {Reason}; the factory runs on every such call. Further ones are counted, not logged.")]
    public static partial void KeyNotCacheable(this ILogger logger, string reason);

    [LoggerMessage(2, LogLevel.Warning, "A value of type {Type} was not stored because it serializes to more than {MaximumBytes} bytes (LarderOptions.MaximumPayloadBytes). {Suppressed} more like it since the last such message.")]
    public static partial void ValueTooLarge(this ILogger logger, string type, long maximumBytes, long suppressed);

    [LoggerMessage(3, LogLevel.Error, "A value of type {Type} was not stored because its serializer failed. {Suppressed} more like it since the last such message.")]
    public static partial void SerializerFailed(this ILogger logger, Exception exception, string type, long suppressed);

    [LoggerMessage(4, LogLevel.Warning, "A stored payload was not used ({Fault}) and counts as a miss. {Suppressed} more like it since the last such message.")]
    public static partial void PayloadRejected(this ILogger logger, string fault, long suppressed);

    [LoggerMessage(5, LogLevel.Warning, "The second level does not answer. Calls go on without it until it is back.")]
    public static partial void SecondLevelLost(this ILogger logger, Exception? exception);

    [LoggerMessage(6, LogLevel.Information, "The second level answers again.")]
    public static partial void SecondLevelBack(this ILogger logger);

    [LoggerMessage(7, LogLevel.Warning, "{Count} invalidations wait for the second level; more than {Maximum} would have to be kept, so everything will be cleared instead. {Suppressed} more like it since the last such message.")]
    public static partial void PendingOverflow(this ILogger logger, int count, int maximum, long suppressed);

    [LoggerMessage(8, LogLevel.Information, "{Count} invalidations that waited for the second level were replayed.")]
    public static partial void PendingReplayed(this ILogger logger, int count);

    [LoggerMessage(9, LogLevel.Information, "Messages of other nodes may have been missed ({Cause}); memory entries are verified before they are served. {Suppressed} more like it since the last such message.")]
    public static partial void BackplaneDoubt(this ILogger logger, string cause, long suppressed);

    [LoggerMessage(10, LogLevel.Warning, "A background task of the cache failed and goes on. {Suppressed} more like it since the last such message.")]
    public static partial void BackgroundFailed(this ILogger logger, Exception exception, long suppressed);

    [LoggerMessage(11, LogLevel.Warning, "The server has lost writes it had acknowledged (it stands at {Found}, {Expected} was seen); everything is cleared.")]
    public static partial void ServerRolledBack(this ILogger logger, long found, long expected);

    [LoggerMessage(12, LogLevel.Debug, "The cache at {Endpoint} could not be reached at start; the application runs on memory until it can.")]
    public static partial void NotReachedAtStart(this ILogger logger, Exception? exception, string endpoint);

    [LoggerMessage(13, LogLevel.Debug, "An invalidation could not be told to the second level and is kept for later: {Cause}")]
    public static partial void InvalidationPostponed(this ILogger logger, string? cause);

    [LoggerMessage(15, LogLevel.Information, "{Removed} of {Scanned} entries were removed because they had been invalidated.")]
    public static partial void Purged(this ILogger logger, long removed, long scanned);

    [LoggerMessage(18, LogLevel.Warning, "A value of type {Type} could not be loaded and a stale one stands in. ({Suppressed} more since the last message.)")]
    public static partial void StaleStandsIn(this ILogger logger, Exception exception, string type, long suppressed);

    [LoggerMessage(19, LogLevel.Warning, "A value of type {Type} could not be loaded in the background. ({Suppressed} more since the last message.)")]
    public static partial void RefreshFailed(this ILogger logger, Exception exception, string type, long suppressed);

    [LoggerMessage(14, LogLevel.Debug, "Background work of the cache did not succeed and will be tried again.")]
    public static partial void BackgroundAttemptFailed(this ILogger logger, Exception exception);

    [LoggerMessage(16, LogLevel.Warning, "Messages to the other nodes cannot be sent. Invalidations hold on this node and at the server, are kept, and are told when messages can be sent again.")]
    public static partial void BackplaneLost(this ILogger logger, Exception? exception);

    [LoggerMessage(17, LogLevel.Information, "Messages to the other nodes can be sent again.")]
    public static partial void BackplaneBack(this ILogger logger);

    [LoggerMessage(20, LogLevel.Error, "Services that a factory used threw when they were disposed of. What it loaded is used all the same. {Suppressed} more like it since the last such message.")]
    public static partial void ServicesFailedToEnd(this ILogger logger, Exception exception, long suppressed);

    [LoggerMessage(40, LogLevel.Error, "What the application does when it loses a lock has failed.")]
    public static partial void LockHandlerFailed(this ILogger logger, Exception exception);

    [LoggerMessage(30, LogLevel.Error, "Encryption keys cannot be had. Encrypted entries are misses and no new ones are stored at the second level until they can.")]
    public static partial void KeysLost(this ILogger logger, Exception? exception);

    [LoggerMessage(31, LogLevel.Information, "Encryption keys can be had again.")]
    public static partial void KeysBack(this ILogger logger);

    [LoggerMessage(32, LogLevel.Warning, "A value was not stored at the second level because there was no key to encrypt it with. {Suppressed} more like it since the last such message.")]
    public static partial void NoKey(this ILogger logger, Exception? exception, long suppressed);

    [LoggerMessage(41, LogLevel.Warning, "A write of the resource '{Resource}' has succeeded and what was cached is invalidated, but its recaching has failed. {Suppressed} more like it since the last such message.")]
    public static partial void RecacheFailed(this ILogger logger, Exception exception, string resource, long suppressed);

    [LoggerMessage(42, LogLevel.Information, "The cache uses {Backend} ({Source}): {Reason} {Settings}")]
    public static partial void StartedUsable(this ILogger logger, string backend, string source, string reason, string settings);

    [LoggerMessage(43, LogLevel.Warning, "The cache is to use {Backend} ({Source}), and runs on this node's memory until it can: {Reason} {Settings}")]
    public static partial void StartedWithoutServer(this ILogger logger, string backend, string source, string reason, string settings);

    [LoggerMessage(44, LogLevel.Warning, "The application's HybridCache is {Type}, registered after AddLarder(). If it does not hand its calls to Larder's, no entry knows its tenant. Register it before AddLarder() to have it wrapped.")]
    public static partial void HybridCacheReplaced(this ILogger logger, string type);

    [LoggerMessage(50, LogLevel.Error, "A handler of the application failed ({Subject}); the cache goes on. {Suppressed} more like it since the last such message.")]
    public static partial void HandlerFailed(this ILogger logger, Exception exception, string subject, long suppressed);

    [LoggerMessage(51, LogLevel.Warning, "Whether the server tells what expires is not known, because it refuses CONFIG GET to this user. If its setting notify-keyspace-events holds no 'Ex', nothing will be told.")]
    public static partial void ExpirationsUnconfirmed(this ILogger logger);

    [LoggerMessage(70, LogLevel.Information, "At the dashboard, by {User}: {Action}.")]
    public static partial void OperatorActed(this ILogger logger, string action, string user);

    [LoggerMessage(71, LogLevel.Error, "The dashboard could not be told how this node stands; it tries again.")]
    public static partial void DashboardFailed(this ILogger logger, Exception exception);

    [LoggerMessage(72, LogLevel.Error, "The dashboard has failed and shows nothing new until the application starts again.")]
    public static partial void DashboardEnded(this ILogger logger, Exception exception);
}
