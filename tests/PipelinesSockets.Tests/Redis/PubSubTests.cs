using System.Threading.Channels;
using StackExchange.Redis;

namespace Larder.PipelinesSockets.Tests.Redis;

/// <summary>Messages arrive unasked: on a connection of their own with RESP2, between replies with RESP3.</summary>
[Collection(RedisGroup.Name)]
public sealed class PubSubTests(RedisFixture redis)
{
    [RedisTheory]
    [InlineData(RedisProtocol.Resp2)]
    [InlineData(RedisProtocol.Resp3)]
    public async Task Messages_arrive_in_order_and_whole(RedisProtocol protocol)
    {
        await using var multiplexer = await ConnectionMultiplexer.ConnectAsync(redis.Options(protocol));
        var subscriber = multiplexer.GetSubscriber();
        var channel = RedisChannel.Literal($"news:{protocol}");
        var received = Channel.CreateUnbounded<string>();
        var queue = await subscriber.SubscribeAsync(channel);
        queue.OnMessage(message => received.Writer.TryWrite(message.Message!));

        // Every hundredth is larger than a receive buffer.
        var sent = Enumerable.Range(0, 1000).Select(i => i % 100 == 0 ? $"{i}:{new string('x', 100_000)}" : $"{i}").ToArray();
        foreach (var message in sent)
        {
            _ = subscriber.PublishAsync(channel, message, CommandFlags.FireAndForget);
        }

        var arrived = new List<string>();
        using var patience = new CancellationTokenSource(Eventually.Patience);
        while (arrived.Count < sent.Length)
        {
            arrived.Add(await received.Reader.ReadAsync(patience.Token));
        }

        Assert.Equal(sent, arrived);
        await queue.UnsubscribeAsync();
    }

    /// <summary>Two handlers on one channel make a multicast delegate, which the library walks through the socket package.</summary>
    [RedisFact]
    public async Task Every_handler_of_a_channel_is_called()
    {
        await using var multiplexer = await ConnectionMultiplexer.ConnectAsync(redis.Options());
        var subscriber = multiplexer.GetSubscriber();
        var channel = RedisChannel.Literal("two-handlers");
        TaskCompletionSource<RedisValue> first = new(), second = new();

        await subscriber.SubscribeAsync(channel, (_, message) => first.TrySetResult(message));
        await subscriber.SubscribeAsync(channel, (_, message) => second.TrySetResult(message));
        await subscriber.PublishAsync(channel, "hello");

        var both = await Task.WhenAll(first.Task, second.Task).WaitAsync(Eventually.Patience);
        Assert.All(both, message => Assert.Equal("hello", message));
    }
}
