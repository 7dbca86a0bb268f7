using Larder.Consistency.Nodes;
using Larder.Tests.Shared;

namespace Larder.Consistency.Tests.Interleavings;

/// <summary>Servers that forget: an entry may be lost with its stamp, but the nodes must come to agree again.</summary>
public sealed class LostStampTests : Stage
{
    [Fact]
    public async Task A_node_that_knows_a_stamp_the_server_has_lost_shares_entries_with_one_that_does_not()
    {
        Assert.Equal(1, await ReadAsync(One));
        Server.Evict();
        await using var late = new GatedNode(Server, Bus);
        await Poll.UntilAsync(() => late.Engine.IsTrusted, "the late node hears itself");

        // Each takes from the server what the other has loaded, once they have found out that they differ.
        var pair = 0;
        await Poll.UntilAsync(
            async () =>
            {
                var before = Loads;
                var key = $"key {pair++}";
                _ = await ReadAsync(pair % 2 == 0 ? late : One, key);
                _ = await ReadAsync(pair % 2 == 0 ? One : late, key);
                return Loads - before == 1;
            },
            "the nodes agree");
        for (var i = 0; i < 10; i++)
        {
            var before = Loads;
            _ = await ReadAsync(i % 2 == 0 ? late : One, $"after {i}");
            _ = await ReadAsync(i % 2 == 0 ? One : late, $"after {i}");
            Assert.Equal(1, Loads - before);
        }
    }

    [Fact]
    public async Task A_tags_removal_holds_although_the_server_loses_the_stamp_at_once()
    {
        Assert.Equal(1, await ReadAsync(One, tags: ["tag"]));
        Assert.Equal(1, await ReadAsync(Two, tags: ["tag"]));
        Raise();
        await One.Cache.RemoveByTagAsync("tag");
        Server.Evict();
        Assert.Equal(2, await ReadAsync(One, tags: ["tag"]));
        await Poll.UntilAsync(async () => await ReadAsync(Two, tags: ["tag"]) == 2, "the other node hears of it", TimeSpan.FromSeconds(3));
    }
}
