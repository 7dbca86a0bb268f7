using System.Net;
using Larder.Redis;
using NSubstitute;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Backplane;

/// <summary>What the client says of its first connections is no news; of any other it is.</summary>
public sealed class ConnectionWatchTests
{
    private static readonly IPEndPoint One = new(IPAddress.Loopback, 7001);
    private static readonly IPEndPoint Two = new(IPAddress.Loopback, 7002);

    private readonly IConnectionMultiplexer _multiplexer = Substitute.For<IConnectionMultiplexer>();
    private readonly IServer _one = Server(One);
    private readonly IServer _two = Server(Two);
    private readonly ConnectionWatch _watch = new();
    private readonly List<string> _said = [];

    public ConnectionWatchTests()
    {
        _two.IsReplica.Returns(true);
        _multiplexer.GetServers().Returns(_ => [_one, _two]);
        _multiplexer.HashSlot(Arg.Any<RedisKey>()).Returns(-1);
        _watch.Interrupted += _ => _said.Add("interrupted");
        _watch.Restored += () => _said.Add("restored");
    }

    [Fact]
    public void The_news_of_the_first_connections_is_passed_over_in_any_order()
    {
        _watch.Begin(_multiplexer);
        Changed(One);
        Made(Two, ConnectionType.Interactive);
        Made(One, ConnectionType.Subscription);
        Changed(Two);
        Made(One, ConnectionType.Interactive);
        Made(Two, ConnectionType.Subscription);
        Changed(One);

        Assert.Empty(_said);
    }

    [Theory]
    [InlineData(ConnectionType.Interactive)]
    [InlineData(ConnectionType.Subscription)]
    public void A_connection_that_was_lost_and_made_again_is_restored(ConnectionType type)
    {
        _watch.Begin(_multiplexer);
        Lost(One, type);
        Assert.Equal(["interrupted"], _said);

        Made(One, type);
        Assert.Equal(["interrupted", "interrupted", "restored"], _said);
    }

    [Fact]
    public void A_connection_that_is_made_twice_is_restored_although_nobody_has_said_that_it_was_lost()
    {
        _watch.Begin(_multiplexer);
        Made(One, ConnectionType.Interactive);
        Made(One, ConnectionType.Interactive);

        Assert.Equal(["interrupted", "restored"], _said);
    }

    [Fact]
    public void A_loss_that_is_heard_of_after_the_new_connection_is_a_restoration()
    {
        _watch.Begin(_multiplexer);
        Made(One, ConnectionType.Interactive);
        Lost(One, ConnectionType.Interactive);

        Assert.Equal(["interrupted", "restored"], _said);
    }

    [Fact]
    public void After_a_loss_everything_counts()
    {
        _watch.Begin(_multiplexer);
        Lost(Two, ConnectionType.Subscription);
        _said.Clear();
        Made(One, ConnectionType.Interactive);
        Changed(One);

        Assert.Equal(["interrupted", "restored", "interrupted", "restored"], _said);
    }

    [Fact]
    public void A_server_that_was_away_at_first_is_news()
    {
        _one.IsConnected.Returns(false);
        _watch.Begin(_multiplexer);
        Made(One, ConnectionType.Interactive);

        Assert.Equal(["interrupted", "restored"], _said);
    }

    [Fact]
    public void A_server_that_was_not_known_at_first_is_news()
    {
        _watch.Begin(_multiplexer);
        Made(new IPEndPoint(IPAddress.Loopback, 7003), ConnectionType.Interactive);

        Assert.Equal(["interrupted", "restored"], _said);
    }

    [Fact]
    public void A_replica_that_takes_over_is_news_and_so_is_all_that_follows()
    {
        _watch.Begin(_multiplexer);
        _one.IsReplica.Returns(true);
        _two.IsReplica.Returns(false);
        Changed(Two);
        Assert.Equal(["interrupted", "restored"], _said);

        _one.IsReplica.Returns(false);
        _two.IsReplica.Returns(true);
        Changed(One);
        Assert.Equal(4, _said.Count);
    }

    [Fact]
    public void Another_server_in_the_place_of_one_is_news()
    {
        _watch.Begin(_multiplexer);
        _one.EndPoint.Returns(new IPEndPoint(IPAddress.Loopback, 7003));
        Changed(One);

        Assert.Equal(["interrupted", "restored"], _said);
    }

    [Fact]
    public void A_server_that_takes_over_slots_is_news_once_until_it_is_the_other_way_round()
    {
        _watch.Begin(_multiplexer);
        Moved(1, One, Two);
        Moved(2, One, Two);
        Assert.Equal(["interrupted", "restored"], _said);

        Moved(1, Two, One);
        Moved(2, Two, One);
        Assert.Equal(4, _said.Count);
        Moved(1, One, Two);
        Assert.Equal(6, _said.Count);
    }

    [Fact]
    public void A_server_that_takes_over_slots_is_news_again_when_the_client_has_asked_who_has_them()
    {
        _watch.Begin(_multiplexer);
        Moved(1, One, Two);
        Changed(Two);
        _said.Clear();
        Moved(2, One, Two);

        Assert.Equal(["interrupted", "restored"], _said);
    }

    [Fact]
    public void Whoever_looks_finds_nothing_new_in_the_servers_of_the_beginning()
    {
        _watch.Begin(_multiplexer);
        _watch.Look();

        Assert.Empty(_said);
    }

    /// <summary>As soon as the client takes it for one: it sends there before it has asked the others and says so.</summary>
    [Fact]
    public void Whoever_looks_finds_a_new_master_before_the_client_has_said_anything_and_once()
    {
        _watch.Begin(_multiplexer);
        _one.IsConnected.Returns(false);
        _watch.Look();
        Assert.Empty(_said);

        _two.IsReplica.Returns(false);
        _watch.Look();
        _watch.Look();
        Assert.Equal(["restored", "interrupted"], _said);
    }

    /// <summary>It may have come back without its data.</summary>
    [Fact]
    public void Whoever_looks_finds_a_master_that_was_away_and_is_back()
    {
        _watch.Begin(_multiplexer);
        _one.IsConnected.Returns(false);
        _watch.Look();
        _one.IsConnected.Returns(true);
        _watch.Look();

        Assert.Equal(["restored", "interrupted"], _said);
    }

    /// <summary>Of two either may have answered, and the one that goes on alone may be the one that did not answer before.</summary>
    [Fact]
    public void Whoever_looks_finds_that_there_are_two_masters_and_that_there_are_no_longer()
    {
        _watch.Begin(_multiplexer);
        Assert.Equal(1, _watch.MostMasters);
        _two.IsReplica.Returns(false);
        _watch.Look();
        Assert.Equal(["restored", "interrupted"], _said);

        _said.Clear();
        _one.IsReplica.Returns(true);
        _watch.Look();
        Assert.Equal(["restored", "interrupted"], _said);
        Assert.Equal(1, _watch.MostMasters);
    }

    [Fact]
    public void When_the_client_has_asked_it_has_settled_on_one_of_two_masters()
    {
        _watch.Begin(_multiplexer);
        _two.IsReplica.Returns(false);
        Assert.Equal(1, _watch.MostMasters);
        var before = new List<int>();
        _watch.Restored += () => before.Add(_watch.MostMasters);
        _watch.Asked(allAnswered: true);

        Assert.Equal(["interrupted", "restored"], _said);
        Assert.Equal([1], before);
        Assert.Equal(2, _watch.MostMasters);

        _one.IsReplica.Returns(true);
        Changed(One);
        Assert.Equal(1, _watch.MostMasters);
    }

    /// <summary>One that is silent is not set aside, and what the client says by itself may come while it is still asking.</summary>
    [Fact]
    public void It_has_not_settled_on_one_of_two_masters_if_one_did_not_answer_or_the_client_says_so_by_itself()
    {
        _watch.Begin(_multiplexer);
        _two.IsReplica.Returns(false);
        Changed(Two);
        Assert.Equal(1, _watch.MostMasters);

        _watch.Asked(allAnswered: false);
        Assert.Equal(1, _watch.MostMasters);
    }

    /// <summary>A server that is away counts as a master until it has said what it is, so the servers may be what they were at first.</summary>
    [Fact]
    public void A_second_master_that_comes_late_is_settled_on_too()
    {
        _two.IsReplica.Returns(false);
        _two.IsConnected.Returns(false);
        _watch.Begin(_multiplexer);
        Assert.Equal(1, _watch.MostMasters);

        _two.IsConnected.Returns(true);
        _watch.Asked(allAnswered: true);
        Assert.Equal(2, _watch.MostMasters);
    }

    [Fact]
    public void Two_masters_that_were_there_from_the_beginning_are_what_the_client_was_given()
    {
        _two.IsReplica.Returns(false);
        _watch.Begin(_multiplexer);
        _watch.Look();

        Assert.Empty(_said);
        Assert.Equal(2, _watch.MostMasters);
    }

    /// <summary>Its servers refer to one another.</summary>
    [Fact]
    public void In_a_cluster_a_new_master_is_not_looked_for()
    {
        _multiplexer.HashSlot(Arg.Any<RedisKey>()).Returns(7);
        _watch.Begin(_multiplexer);
        _two.IsReplica.Returns(false);
        _watch.Look();

        Assert.Empty(_said);
    }

    [Fact]
    public void Whoever_looks_at_a_connection_that_was_closed_or_never_made_finds_nothing()
    {
        _watch.Look();
        _watch.Begin(_multiplexer);
        _multiplexer.GetServers().Returns(_ => throw new ObjectDisposedException("a test"));
        _watch.Look();

        Assert.Empty(_said);
    }

    [Fact]
    public void A_connection_that_does_not_say_what_its_servers_are_keeps_no_handlers()
    {
        var isClosed = true;
        _multiplexer.GetServers().Returns(_ => isClosed ? throw new ObjectDisposedException("a test") : [_one, _two]);
        Assert.Throws<ObjectDisposedException>(() => _watch.Begin(_multiplexer));
        Lost(One, ConnectionType.Interactive);
        Assert.Empty(_said);

        isClosed = false;
        _watch.Begin(_multiplexer);
        Lost(One, ConnectionType.Interactive);
        Assert.Equal(["interrupted"], _said);
    }

    [Fact]
    public void Who_has_ended_hears_nothing_and_begins_nothing()
    {
        _watch.Begin(_multiplexer);
        _watch.Dispose();
        Lost(One, ConnectionType.Interactive);
        Assert.Empty(_said);

        _multiplexer.ClearReceivedCalls();
        _watch.Begin(_multiplexer);
        _multiplexer.DidNotReceive().ConnectionRestored += Arg.Any<EventHandler<ConnectionFailedEventArgs>>();
    }

    private static IServer Server(EndPoint endPoint)
    {
        var server = Substitute.For<IServer>();
        server.EndPoint.Returns(endPoint);
        server.IsConnected.Returns(true);
        server.ClusterConfiguration.Returns((ClusterConfiguration?)null);
        return server;
    }

    private void Made(EndPoint server, ConnectionType type) => _multiplexer.ConnectionRestored += Raise.EventWith(About(server, type, ConnectionFailureType.None));

    private void Lost(EndPoint server, ConnectionType type) => _multiplexer.ConnectionFailed += Raise.EventWith(About(server, type, ConnectionFailureType.SocketClosed));

    private void Changed(EndPoint server) => _multiplexer.ConfigurationChanged += Raise.EventWith(new EndPointEventArgs(_multiplexer, server));

    private void Moved(int slot, EndPoint before, EndPoint after) => _multiplexer.HashSlotMoved += Raise.EventWith(new HashSlotMovedEventArgs(_multiplexer, slot, before, after));

    private ConnectionFailedEventArgs About(EndPoint server, ConnectionType type, ConnectionFailureType failure) =>
        new(_multiplexer, server, type, failure, new IOException(), "a test");
}
