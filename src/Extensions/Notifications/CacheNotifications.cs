using Larder.Diagnostics;
using Larder.Engine;
using Larder.Redis;
using Larder.Scopes;
using Microsoft.Extensions.Logging;

namespace Larder.Notifications;

internal sealed class CacheNotifications(CacheEngine engine, RedisConnection? server, ILogger logger) : ICacheNotifications
{
    private readonly LogLimiter _limiter = new(engine.Clock);

    public long DroppedEvictions => engine.Evictions.Dropped;

    public IDisposable OnEviction(Action<CacheEviction> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return engine.Evictions.Subscribe(handler);
    }

    public IAsyncEnumerable<CacheInvalidation> ReadInvalidationsAsync(CacheScope? scope = null, CancellationToken cancellationToken = default) =>
        engine.Invalidations.ReadAsync(scope, cancellationToken);

    public async Task<CacheExpirationSubscription> OnServerExpirationAsync(Action<CacheExpiration> handler, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(handler);
        if (server is null)
        {
            throw new NotSupportedException("Only a Redis or Valkey server (UseRedis, UseValkey) can tell what expires there. For this node's memory there is OnEviction.");
        }

        var expirations = new RedisExpirations(server);
        var isOn = await expirations.IsOnAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        if (isOn is false)
        {
            throw new InvalidOperationException("The server does not tell what expires: its setting notify-keyspace-events holds no 'E' with 'x' or 'A'. Set it on each master, for example by: CONFIG SET notify-keyspace-events Ex");
        }

        if (isOn is null)
        {
            logger.ExpirationsUnconfirmed();
        }

        var queue = new HandlerQueue<CacheExpiration>("expiration", _limiter, logger);
        queue.Add(handler);
        var subscribing = expirations.SubscribeAsync(physicalKey =>
        {
            if (TryRead(physicalKey, out var expiration))
            {
                queue.Post(expiration);
            }
        });
        try
        {
            var subscription = await subscribing.WaitAsync(cancellationToken).ConfigureAwait(false);
            return new CacheExpirationSubscription(isOn is true, () => queue.Dropped, async () =>
            {
                queue.Complete();
                await subscription.DisposeAsync().ConfigureAwait(false);
            });
        }
        catch
        {
            // The server may still take it. Its caller has nothing to end it with.
            queue.Complete();
            _ = EndAsync(subscribing);
            throw;
        }
    }

    private static async Task EndAsync(Task<IAsyncDisposable> subscribing)
    {
        await ((Task)subscribing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (subscribing.IsCompletedSuccessfully)
        {
            var subscription = await subscribing.ConfigureAwait(false);
            await subscription.DisposeAsync().ConfigureAwait(false);
        }
    }

    // Stamps, leases, counters and what belongs to others expires too.
    private bool TryRead(string physicalKey, out CacheExpiration expiration)
    {
        expiration = default;
        if (!physicalKey.StartsWith(engine.ApplicationPrefix, StringComparison.Ordinal))
        {
            return false;
        }

        var parts = physicalKey[engine.ApplicationPrefix.Length..].Split(':', 4);
        if (parts.Length != 4 || !ScopedKey.TryReadScope($"{parts[0]}:{parts[1]}:{parts[2]}", out var scope))
        {
            return false;
        }

        var isKey = ScopedKey.TryReadKey(parts[3], out var key);
        expiration = new CacheExpiration(scope, key ?? parts[3]);
        return isKey || ScopedKey.IsHashed(parts[3]);
    }
}
