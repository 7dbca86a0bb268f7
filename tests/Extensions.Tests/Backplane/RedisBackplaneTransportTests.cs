using System.Net;
using Larder.Redis;
using Larder.Tests.Shared;
using NSubstitute;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Backplane;

public sealed class RedisBackplaneTransportTests : IAsyncDisposable
{
    private readonly IConnectionMultiplexer _multiplexer = Substitute.For<IConnectionMultiplexer>();
    private readonly ISubscriber _subscriber = Substitute.For<ISubscriber>();
    private readonly RedisConnection _connection;
    private readonly RedisBackplaneTransport _transport;
    private TaskCompletionSource<ChannelMessageQueue> _answer = new();
    private int _asked;

    public RedisBackplaneTransportTests()
    {
        _multiplexer.GetSubscriber().Returns(_subscriber);
        _subscriber.SubscribeAsync(Arg.Any<RedisChannel>(), Arg.Any<CommandFlags>()).Returns(_ =>
        {
            Interlocked.Increment(ref _asked);
            return _answer.Task;
        });
        _connection = new RedisConnection(() => Task.FromResult(_multiplexer), owned: false);
        _transport = new RedisBackplaneTransport(_connection, "shop:v1:");
    }

    public async ValueTask DisposeAsync()
    {
        await _transport.DisposeAsync();
        await _connection.DisposeAsync();
    }

    [Fact]
    public async Task Who_stops_waiting_and_asks_again_gets_the_same_subscription()
    {
        using var impatient = new CancellationTokenSource();
        var first = _transport.SubscribeAsync(_ => { }, impatient.Token);
        await Poll.UntilAsync(() => Volatile.Read(ref _asked) == 1, "the server is asked");
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);

        var again = _transport.SubscribeAsync(_ => { }, CancellationToken.None);

        Assert.False(again.IsCompleted);
        Assert.Equal(1, _asked);
    }

    [Fact]
    public async Task An_attempt_that_failed_is_made_anew_and_leaves_no_handler_behind()
    {
        var interruptions = 0;
        _transport.Interrupted += _ => interruptions++;
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            _answer = new TaskCompletionSource<ChannelMessageQueue>();
            _answer.SetException(new RedisConnectionException(ConnectionFailureType.UnableToConnect, "away"));
            await Assert.ThrowsAsync<RedisConnectionException>(() => _transport.SubscribeAsync(_ => { }, CancellationToken.None));
            Assert.Equal(attempt, _asked);
        }

        _multiplexer.ConnectionFailed += Raise.EventWith(new ConnectionFailedEventArgs(
            _multiplexer, new IPEndPoint(IPAddress.Loopback, 6379), ConnectionType.Subscription, ConnectionFailureType.SocketClosed, new IOException(), "a test"));

        Assert.Equal(1, interruptions);
    }
}
