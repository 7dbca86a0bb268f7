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
}
