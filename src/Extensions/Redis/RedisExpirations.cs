using StackExchange.Redis;

namespace Larder.Redis;

/// <summary>What the server says of keys that expire there. A cluster's master tells of its own keys only, so each is listened to.</summary>
internal sealed class RedisExpirations(RedisConnection connection)
{
    /// <summary>Whether each master tells of them; null if one does not say.</summary>
    public async Task<bool?> IsOnAsync()
    {
        var multiplexer = await connection.GetAsync().ConfigureAwait(false);
        bool? all = true;
        foreach (var master in RedisKeys.Masters(multiplexer, requiresAll: true))
        {
            try
            {
                var setting = (RedisResult[]?)await master.ExecuteAsync("CONFIG", "GET", "notify-keyspace-events").ConfigureAwait(false);
                var flags = setting is { Length: 2 } ? (string?)setting[1] : null;
                if (flags is null)
                {
                    all = null;
                }
                else if (!flags.Contains('E', StringComparison.Ordinal) || flags.AsSpan().IndexOfAny('x', 'A') < 0)
                {
                    return false;
                }
            }
            catch (Exception exception) when (exception is RedisServerException or RedisCommandException)
            {
                // Refused to this user, or renamed.
                all = null;
            }
        }

        return all;
    }

    public async Task<IAsyncDisposable> SubscribeAsync(Action<string> onExpired)
    {
        var multiplexer = await connection.GetAsync().ConfigureAwait(false);
        var channel = RedisChannel.KeyEvent(KeyNotificationType.Expired, multiplexer.GetDatabase().Database);
        var subscriber = multiplexer.GetSubscriber();
        Action<RedisChannel, RedisValue> handler = (_, key) => onExpired(key!);
        await subscriber.SubscribeAsync(channel, handler).ConfigureAwait(false);
        return new Ending(async () => await subscriber.UnsubscribeAsync(channel, handler, CommandFlags.FireAndForget).ConfigureAwait(false));
    }

    private sealed class Ending(Func<Task> end) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            try
            {
                await end().ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is RedisException or ObjectDisposedException or TimeoutException)
            {
                // The connection is gone, and the subscription with it.
            }
        }
    }
}
