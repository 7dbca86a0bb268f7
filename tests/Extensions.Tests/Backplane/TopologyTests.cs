using Larder.Redis;
using Larder.Tests.Shared;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Backplane;

/// <summary>On real servers: the client says "configuration changed" whenever it has asked for the topology. One that is as it was is no takeover.</summary>
public sealed class TopologyTests
{
    [ServerTheory(ServerKind.Redis, ServerKind.Valkey)]
    [InlineData(ServerKind.Redis)]
    [InlineData(ServerKind.Valkey)]
    public Task A_server_that_is_asked_what_it_is_has_not_changed(ServerKind kind) => NothingIsRestoredAsync(kind);

    [ServerTheory(ServerKind.RedisCluster, ServerKind.ValkeyCluster)]
    [InlineData(ServerKind.RedisCluster)]
    [InlineData(ServerKind.ValkeyCluster)]
    public Task A_cluster_that_is_asked_for_its_slots_has_not_changed(ServerKind kind) => NothingIsRestoredAsync(kind);

    private static async Task NothingIsRestoredAsync(ServerKind kind)
    {
        var server = await TestServers.GetAsync(kind);
        await using var connection = new RedisConnection(async () => await ConnectionMultiplexer.ConnectAsync(server.ConnectionString), owned: true);
        var restored = 0;
        connection.Watch.Restored += () => Interlocked.Increment(ref restored);
        var multiplexer = await connection.GetAsync();
        var heard = 0;
        multiplexer.ConfigurationChanged += (_, _) => Interlocked.Increment(ref heard);

        // What a client says that has changed a server's role. Handlers are called in turn, the watch's first.
        await using var other = await ConnectionMultiplexer.ConnectAsync(server.ConnectionString);
        await other.GetSubscriber().PublishAsync(RedisChannel.Literal("__Booksleeve_MasterChanged"), multiplexer.GetEndPoints()[0].ToString());
        await Poll.UntilAsync(() => Volatile.Read(ref heard) > 0, "the client has asked for the topology");

        Assert.Equal(0, restored);
    }
}
