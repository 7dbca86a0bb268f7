using Xunit;

namespace Larder.Tests.Shared.Tests;

public sealed class SentinelTests
{
    [ServerFact(ServerKind.Sentinel)]
    public async Task A_failover_in_good_order_and_a_killed_master_both_promote_the_replica()
    {
        await using var group = await TestServers.StartNewSentinelAsync();
        var first = await group.MasterAsync();
        await first.CommandAsync("SET", "key", "value");

        var second = await group.FailoverAsync();
        Assert.NotSame(first, second);
        Assert.Same(second, await group.MasterAsync());
        Assert.Equal("value", (await second.CommandAsync("GET", "key")).Text);
        Assert.Equal("READONLY", (await Assert.ThrowsAsync<RespException>(() => first.CommandAsync("SET", "key", "other"))).Code);

        var third = await group.KillMasterAsync();
        Assert.Same(first, third);
        Assert.False(second.Process.IsRunning);
        await third.CommandAsync("SET", "key", "after");

        await group.RestoreAsync();
        Assert.True(third == await group.MasterAsync(), string.Join("\n=====\n", group.Sentinels.Select(sentinel => sentinel.Log)));
        Assert.Equal("after", (await second.CommandAsync("GET", "key")).Text);
    }

    [ServerFact(ServerKind.Sentinel)]
    public async Task Flush_empties_master_and_replica()
    {
        await using var group = await TestServers.StartNewSentinelAsync();
        await (await group.MasterAsync()).CommandAsync("SET", "key", "value");
        await group.FlushAsync();
        foreach (var server in group.Servers)
        {
            await Poll.UntilAsync(async () => (await server.CommandAsync("DBSIZE")).Number == 0, $"{server.EndPoint} is empty");
        }
    }
}
