using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Shared.Tests;

public abstract class SharedServerContract(ServerKind kind)
{
    [ContractFact]
    public async Task Is_one_and_the_same_for_the_whole_process() =>
        Assert.Same(await TestServers.GetAsync(kind), await TestServers.GetAsync(kind));

    [ContractFact]
    public async Task Its_connection_string_is_all_that_a_client_needs()
    {
        var server = await TestServers.GetAsync(kind);
        Assert.Equal(kind, server.Kind);
        await using var client = await ConnectionMultiplexer.ConnectAsync(server.ConnectionString);
        var before = await server.CountCommandsAsync();
        foreach (var key in (string[])["shared:a", "shared:b", "shared:c"])
        {
            Assert.True(await client.GetDatabase().StringSetAsync(key, "value"));
            Assert.Equal("value", await client.GetDatabase().StringGetAsync(key));
        }

        Assert.InRange((await server.CountCommandsAsync()).Since(before)["get"], 3, int.MaxValue);
    }
}

[NeedsServer(ServerKind.Redis)]
public sealed class SharedRedisTests() : SharedServerContract(ServerKind.Redis);

[NeedsServer(ServerKind.Valkey)]
public sealed class SharedValkeyTests() : SharedServerContract(ServerKind.Valkey);

[NeedsServer(ServerKind.RedisCluster)]
public sealed class SharedRedisClusterTests() : SharedServerContract(ServerKind.RedisCluster);

[NeedsServer(ServerKind.ValkeyCluster)]
public sealed class SharedValkeyClusterTests() : SharedServerContract(ServerKind.ValkeyCluster);

[NeedsServer(ServerKind.Sentinel)]
public sealed class SharedSentinelTests() : SharedServerContract(ServerKind.Sentinel);
