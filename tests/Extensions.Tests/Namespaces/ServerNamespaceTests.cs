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
        await CostsAsync(
            async () =>
            {
                Assert.True(await other.ExistsAsync("key"));
                Assert.Equal(1_000_000, (await other.GetEntryAsync("key"))!.Size);
            },
            calls => calls["getrange"] == 2 && calls["mget"] == 0 && calls["get"] == 0,
            "two looks read two heads and no value");

        Assert.True(await other.RemoveAsync("key"));
        await Poll.UntilAsync(async () => !await Actions.ExistsAsync("key"), "the first node has heard of the removal");
    }

    [ContractFact]
    public async Task A_thousand_keys_are_read_by_one_command_or_one_for_each_slot()
    {
        var keys = Enumerable.Range(0, 1_000).Select(i => $"k{i}").ToArray();
        await Actions.SetManyAsync(keys.Select(key => KeyValuePair.Create(key, key)));
        await Actions.SetAsync("first", "value");
        var slots = 1;
        if (kind == ServerKind.RedisCluster)
        {
            await using var client = await StackExchange.Redis.ConnectionMultiplexer.ConnectAsync((await TestServers.GetAsync(kind)).ConnectionString);
            slots = keys.Select(key => client.HashSlot($"{Node.Engine!.ApplicationPrefix}t:p:n.confirmation:{key}")).Distinct().Count();
        }

        CacheNamespace other = null!;
        await CostsAsync(
            async () => Assert.Equal(1_000, (await other.GetManyAsync<string>(keys)).Count),
            calls => calls["get"] == 0 && calls["mget"] == slots,
            $"a node that has none of them reads by {slots} commands",
            async () =>
            {
                // Who reads for the first time reads the stamps of its scope too.
                other = Of(await StartAsync(null), "confirmation");
                Assert.Equal("value", await other.GetAsync<string>("first"));
            });

        // They are in memory now. What is there is looked at once more when the machine has stood still for longer than a node relies on what it has heard.
        await CostsAsync(async () => Assert.Equal(1_000, (await other.GetManyAsync<string>(keys)).Count), static calls => calls["mget"] == 0, "memory answers alone");
    }

    // The server counts for all, and other clients' commands come on top now and then: the client library reads a key of its own whenever it looks at the servers.
    private async Task CostsAsync(Func<Task> action, Func<CommandCounts, bool> isRight, string what, Func<Task>? prepare = null)
    {
        var server = await TestServers.GetAsync(kind);
        CommandCounts? calls = null;
        try
        {
            await Poll.UntilAsync(
                async () =>
                {
                    await (prepare?.Invoke() ?? Task.CompletedTask);
                    var before = await server.CountCommandsAsync();
                    await action();
                    return isRight(calls = (await server.CountCommandsAsync()).Since(before));
                },
                what);
        }
        catch (TimeoutException exception)
        {
            throw new TimeoutException($"{exception.Message} The last time there were {calls?["get"]} get, {calls?["mget"]} mget and {calls?["getrange"]} getrange.", exception);
        }
    }
}
