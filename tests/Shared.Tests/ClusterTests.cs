using Xunit;

namespace Larder.Tests.Shared.Tests;

public abstract class ClusterContract(ServerKind kind)
{
    [ContractFact]
    public async Task Stores_on_the_master_of_the_slot_and_flushes_every_master()
    {
        await using var cluster = await TestServers.StartNewClusterAsync(kind);
        foreach (var key in (string[])["a", "b", "c", "d", "e"])
        {
            await cluster.CommandAsync(key, "SET", key, "value");
        }

        var slot = await cluster.SlotOfAsync("a");
        var stranger = await cluster.MasterOfAsync((slot + (ServerCluster.SlotCount / 2)) % ServerCluster.SlotCount);
        var moved = await Assert.ThrowsAsync<RespException>(() => stranger.CommandAsync("GET", "a"));
        Assert.Equal("MOVED", moved.Code);

        await cluster.FlushAsync();
        Assert.Null((await cluster.CommandAsync("a", "GET", "a")).Text);
        foreach (var node in cluster.Nodes)
        {
            await Poll.UntilAsync(async () => (await node.CommandAsync("DBSIZE")).Number == 0, $"{node.EndPoint} is empty");
        }
    }

    [ContractFact]
    public async Task A_failover_in_good_order_and_a_killed_master_both_promote_the_replica()
    {
        await using var cluster = await TestServers.StartNewClusterAsync(kind);
        var slot = await cluster.SlotOfAsync("key");
        var first = await cluster.MasterOfAsync(slot);
        await first.CommandAsync("SET", "key", "value");

        var second = await cluster.FailoverAsync(slot);
        Assert.NotSame(first, second);
        Assert.Equal("value", (await second.CommandAsync("GET", "key")).Text);

        await cluster.RestoreAsync();
        var third = await cluster.KillMasterAsync(slot);
        Assert.Same(first, third);
        Assert.False(second.Process.IsRunning);
        Assert.Equal("value", (await cluster.CommandAsync("key", "GET", "key")).Text);

        await cluster.RestoreAsync();
        Assert.True(second.Process.IsRunning);
        Assert.Same(second, await cluster.ReplicaOfAsync(slot));
        Assert.Equal("slave", (await second.InfoAsync("replication"))["role"]);
    }
}

[NeedsServer(ServerKind.RedisCluster)]
public sealed class RedisClusterTests() : ClusterContract(ServerKind.RedisCluster);

[NeedsServer(ServerKind.ValkeyCluster)]
public sealed class ValkeyClusterTests() : ClusterContract(ServerKind.ValkeyCluster);
