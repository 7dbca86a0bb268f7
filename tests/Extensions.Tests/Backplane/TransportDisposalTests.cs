using Larder.Redis;
using NSubstitute;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Backplane;

public sealed class TransportDisposalTests
{
    [Fact]
    public async Task A_transport_that_is_disposed_of_while_it_connects_takes_nothing_up()
    {
        var multiplexer = Substitute.For<IConnectionMultiplexer>();
        var connecting = new TaskCompletionSource<IConnectionMultiplexer>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var connection = new RedisConnection(() => connecting.Task, owned: false);
        var transport = new RedisBackplaneTransport(connection, "x:");
        var subscribing = transport.SubscribeAsync(_ => { }, CancellationToken.None);
        await transport.DisposeAsync();
        connecting.SetResult(multiplexer);
        await subscribing;

        multiplexer.DidNotReceive().GetSubscriber();
    }
}
