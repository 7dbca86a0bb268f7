using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests.Namespaces;

/// <summary>What holds where nodes share a server.</summary>
public abstract class ServerNamespaceTests(ServerKind kind) : NamespaceContract
{
    private protected override Backend Backend { get; } = Backend.Of(kind);

    private protected override int Rounds => 100;

    [ContractFact]
    public async Task Another_node_looks_without_reading_the_value()
    {
        await Actions.SetAsync("key", new string('x', 1_000_000));
        var other = Of(await StartAsync(null), "confirmation");
        var server = await TestServers.GetAsync(kind);
        var before = await server.CountCommandsAsync();

        Assert.True(await other.ExistsAsync("key"));
        Assert.Equal(1_000_000, (await other.GetEntryAsync("key"))!.Size);
        var calls = (await server.CountCommandsAsync()).Since(before);
        Assert.Equal(2, calls["getrange"]);
        Assert.Equal(0, calls["mget"]);

        Assert.True(await other.RemoveAsync("key"));
        await Poll.UntilAsync(async () => !await Actions.ExistsAsync("key"), "the first node has heard of the removal");
    }

    [ContractFact]
    public async Task A_thousand_keys_are_read_by_one_command_or_one_for_each_slot()
    {
        var keys = Enumerable.Range(0, 1_000).Select(i => $"k{i}").ToArray();
        await Actions.SetManyAsync(keys.Select(key => KeyValuePair.Create(key, key)));
        var other = Of(await StartAsync(null), "confirmation");

        // Who reads for the first time reads the stamps of its scope too.
        await Actions.SetAsync("first", "value");
        Assert.Equal("value", await other.GetAsync<string>("first"));
        var server = await TestServers.GetAsync(kind);
        var before = await server.CountCommandsAsync();
        Assert.Equal(1_000, (await other.GetManyAsync<string>(keys)).Count);
        var calls = (await server.CountCommandsAsync()).Since(before);

        Assert.Equal(0, calls["get"]);
        if (kind == ServerKind.RedisCluster)
        {
            await using var client = await StackExchange.Redis.ConnectionMultiplexer.ConnectAsync(server.ConnectionString);
            Assert.Equal(keys.Select(key => client.HashSlot($"{Node.Engine!.ApplicationPrefix}t:p:n.confirmation:{key}")).Distinct().Count(), calls["mget"]);
        }
        else
        {
            Assert.Equal(1, calls["mget"]);
        }

        // They are in memory now. What is there is looked at once more when the machine has stood still for longer than a node relies on what it has heard.
        await Poll.UntilAsync(
            async () =>
            {
                before = await server.CountCommandsAsync();
                Assert.Equal(1_000, (await other.GetManyAsync<string>(keys)).Count);
                return (await server.CountCommandsAsync()).Since(before)["mget"] == 0;
            },
            "memory answers alone");
    }
}
