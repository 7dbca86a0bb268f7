using System.Collections.Concurrent;
using System.Globalization;
using Larder.Redis;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Backplane;

/// <summary>On real servers: a takeover in good order breaks no connection, and the client goes on with what it took its servers for.</summary>
public sealed class TakeoverTests
{
    /// <remarks>For up to a minute the client takes the new master for a replica, and refuses to send it a command that it knows to be a write.</remarks>
    [ServerTheory(ServerKind.RedisCluster, ServerKind.ValkeyCluster)]
    [InlineData(ServerKind.RedisCluster)]
    [InlineData(ServerKind.ValkeyCluster)]
    public async Task What_is_removed_after_a_failover_of_a_cluster_is_removed_at_once(ServerKind kind)
    {
        await using var cluster = await TestServers.StartNewClusterAsync(kind);
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddLarder(options => options.SecondLevelTimeout = TimeSpan.FromSeconds(20)).UseRedis(((ITestServer)cluster).PatientConnectionString);
        await using var one = await CacheNode.StartAsync(services);
        await using var two = await CacheNode.StartAsync(services);
        var counters = one.Services.GetRequiredService<ICacheCounters>();

        // So many that each of the three masters has some.
        string[] keys = [.. Enumerable.Range(0, 40).Select(number => $"key:{number}")];
        var version = 1;
        ValueTask<int> ReadAsync(CacheNode node, string key) => node.Cache.GetOrCreateAsync(key, _ => ValueTask.FromResult(version));
        foreach (var key in keys)
        {
            Assert.Equal(1, await ReadAsync(one, key));
            Assert.Equal(1, await ReadAsync(two, key));
            await counters.IncrementAsync(key);
        }

        await cluster.FailoverAsync(0);
        version = 2;
        foreach (var key in keys)
        {
            await one.Cache.RemoveAsync(key);
            await counters.ResetAsync(key);
        }

        Assert.Equal(0, one.Engine!.PendingCount);
        foreach (var key in keys)
        {
            await Poll.UntilAsync(async () => await ReadAsync(two, key) == 2, "the other node has heard of it");
        }
    }

    /// <remarks>What is published at a replica reaches who has subscribed there, and nobody else.</remarks>
    [ServerTheory(ServerKind.Redis, ServerKind.Valkey)]
    [InlineData(ServerKind.Redis)]
    [InlineData(ServerKind.Valkey)]
    public async Task Who_goes_on_listening_at_a_server_that_has_become_a_replica_is_heard_by_all(ServerKind kind)
    {
        await using var first = await TestServers.StartNewAsync(kind);
        await using var second = await TestServers.StartNewAsync(kind);
        await Replication.FollowAsync(second, first);
        var addresses = $"{first.EndPoint},{second.EndPoint}";
        await using var old = new Listener(addresses);
        Assert.Equal(first.EndPoint, await old.SubscribeAsync());

        await second.CommandAsync("REPLICAOF", "NO", "ONE");
        await Replication.FollowAsync(first, second);

        // A client of Sentinel's does this when it hears of the new master. It does not if it is at it already, with answers from before perhaps.
        await Poll.UntilAsync(old.AskForTopologyAsync, "the client has asked");
        await using var young = new Listener(addresses);
        Assert.Equal(second.EndPoint, await young.SubscribeAsync());
        Assert.Equal(first.EndPoint, await old.SubscribeAsync());

        await old.SayAsync("from the old");
        await young.SayAsync("from the young");

        string[] said = ["from the old", "from the young"];
        await Poll.UntilAsync(() => young.Heard.Order(StringComparer.Ordinal).SequenceEqual(said), "the one at the master has heard both");
        await Poll.UntilAsync(() => old.Heard.Order(StringComparer.Ordinal).SequenceEqual(said), "the one at the replica has heard both");
    }

    /// <summary>One node's end.</summary>
    private sealed class Listener : IAsyncDisposable
    {
        private const string Prefix = "takeover:v1:";

        private readonly RedisConnection _connection;
        private readonly RedisBackplaneTransport _transport;

        public Listener(string addresses)
        {
            _connection = new RedisConnection(async () => await ConnectionMultiplexer.ConnectAsync(addresses), owned: true);
            _transport = new RedisBackplaneTransport(_connection, Prefix);
        }

        public ConcurrentQueue<string> Heard { get; } = [];

        /// <summary>Subscribes, if that has not been done, and says where that is.</summary>
        public async Task<string?> SubscribeAsync()
        {
            await _transport.SubscribeAsync(message => Heard.Enqueue(System.Text.Encoding.UTF8.GetString(message.Span)), CancellationToken.None);
            return (await _connection.GetAsync()).GetSubscriber().SubscribedEndpoint(RedisChannel.Literal(Prefix + "backplane"))?.ToString();
        }

        public async Task<bool> AskForTopologyAsync() => await (await _connection.GetAsync()).ConfigureAsync();

        public Task SayAsync(string text) => _transport.PublishAsync(System.Text.Encoding.UTF8.GetBytes(text), CancellationToken.None);

        public async ValueTask DisposeAsync()
        {
            await _transport.DisposeAsync();
            await _connection.DisposeAsync();
        }
    }
}
