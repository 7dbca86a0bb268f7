using Larder.Backplane;
using StackExchange.Redis;

namespace Larder.Redis;

/// <summary>Messages between nodes over pub/sub: one channel per application prefix and version.</summary>
internal sealed class RedisBackplaneTransport(RedisConnection connection, string applicationPrefix) : IBackplaneTransport
{
    private readonly RedisChannel _channel = RedisChannel.Literal(applicationPrefix + "backplane");
    private readonly Lock _lock = new();
    private Task? _subscribing;
    private ChannelMessageQueue? _queue;
    private bool _disposed;

    public event Action<string>? Interrupted
    {
        add => connection.Watch.Interrupted += value;
        remove => connection.Watch.Interrupted -= value;
    }

    public event Action? Restored
    {
        add => connection.Watch.Restored += value;
        remove => connection.Watch.Restored -= value;
    }

    /// <summary>A caller may stop waiting and ask again: as long as an attempt has not failed, it is the same one.</summary>
    public Task SubscribeAsync(Action<ReadOnlyMemory<byte>> receive, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_subscribing is null or { IsFaulted: true } or { IsCanceled: true })
            {
                _subscribing = SubscribeAsync(receive);
            }

            return _subscribing.WaitAsync(cancellationToken);
        }
    }

    private async Task SubscribeAsync(Action<ReadOnlyMemory<byte>> receive)
    {
        var multiplexer = await connection.GetAsync().ConfigureAwait(false);
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }
        }

        if (_queue is null)
        {
            // The queue hands over one message at a time, in the order of the subscription.
            var queue = await multiplexer.GetSubscriber().SubscribeAsync(_channel).ConfigureAwait(false);
            bool disposed;
            lock (_lock)
            {
                disposed = _disposed;
                _queue = queue;
            }

            if (disposed)
            {
                await UnsubscribeAsync(queue).ConfigureAwait(false);
                return;
            }

            queue.OnMessage(message => receive((byte[]?)message.Message));
        }
    }

    public async Task PublishAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        var multiplexer = await connection.GetAsync().ConfigureAwait(false);
        if (multiplexer.HashSlot(applicationPrefix) < 0)
        {
            // A subscription may go on at a server that has become a replica: it hears what the master passes on. The client would publish there too, and a replica
            // passes nothing on. Others would not hear this node, and nothing would tell them.
            await multiplexer.GetDatabase().ExecuteAsync("PUBLISH", [_channel, message], CommandFlags.DemandMaster).ConfigureAwait(false);
        }
        else
        {
            // In a cluster every server passes on to all others, and the one of the subscription is always the same one, so what is sent keeps its order.
            await multiplexer.GetSubscriber().PublishAsync(_channel, message).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        ChannelMessageQueue? queue;
        lock (_lock)
        {
            // An attempt under way finds this and takes nothing up.
            _disposed = true;
            queue = _queue;
        }

        if (queue is not null)
        {
            await UnsubscribeAsync(queue).ConfigureAwait(false);
        }
    }

    private static async Task UnsubscribeAsync(ChannelMessageQueue queue)
    {
        try
        {
            await queue.UnsubscribeAsync(CommandFlags.FireAndForget).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is RedisException or ObjectDisposedException or TimeoutException)
        {
            // The connection is gone, and the subscription with it.
        }
    }
}
