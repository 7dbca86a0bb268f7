using Larder.Consistency.Levels;
using Larder.Tests.Shared;

namespace Larder.Consistency.Tests.Interleavings;

/// <summary>A server that takes over and lacks what the lost one had acknowledged.</summary>
public sealed class TakeoverTests : Stage
{
    private const int MaximumPayload = 1_000;

    private protected override void Configure(LarderOptions options) => options.MaximumPayloadBytes = MaximumPayload;

    [Fact]
    public async Task A_removal_that_the_new_server_lacks_holds_again_on_all_nodes()
    {
        Assert.Equal(1, await ReadAsync(Two));
        var takeOver = Server.Replicate();
        Raise();
        await One.Cache.RemoveAsync("key");
        takeOver();
        One.Transport.Restore();
        Two.Transport.Restore();
        await Poll.UntilAsync(async () => await ReadAsync(Two) == 2, "the removal is applied again");
        await Poll.UntilAsync(async () => await ReadAsync(One) == 2, "the removal is applied again");
    }

    /// <summary>Nothing could be stored, so the key was removed; that is what the new server must be told.</summary>
    [Fact]
    public async Task A_write_that_could_only_remove_and_that_the_new_server_lacks_holds_again_on_all_nodes()
    {
        Assert.Equal(1, await ReadAsync(Two));
        var takeOver = Server.Replicate();
        Raise();
        await One.Cache.SetAsync("key", new string('x', MaximumPayload + 1));
        takeOver();
        One.Transport.Restore();
        Two.Transport.Restore();
        await Poll.UntilAsync(async () => await ReadAsync(Two) == 2, "the removal is applied again");
        await Poll.UntilAsync(async () => await ReadAsync(One) == 2, "the removal is applied again");
    }

    [Fact]
    public async Task A_tags_removal_that_the_new_server_lacks_holds_again_on_all_nodes()
    {
        Assert.Equal(1, await ReadAsync(Two, tags: ["tag"]));
        var takeOver = Server.Replicate();
        Raise();
        await One.Cache.RemoveByTagAsync("tag");
        takeOver();
        One.Transport.Restore();
        Two.Transport.Restore();
        await Poll.UntilAsync(async () => await ReadAsync(Two, tags: ["tag"]) == 2, "the removal is applied again");
        await Poll.UntilAsync(async () => await ReadAsync(One, tags: ["tag"]) == 2, "the removal is applied again");
    }

    /// <summary>The server was told by a replay, and nothing waits any more: that must not be forgotten either.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_was_told_late_and_the_new_server_lacks_holds_again_on_all_nodes(bool byTag)
    {
        Assert.Equal(1, await ReadAsync(Two, tags: ["tag"]));
        var takeOver = Server.Replicate();
        Raise();
        One.Level.Before = FailAt(byTag ? LevelCall.SetStamp : LevelCall.Remove);
        await (byTag ? One.Cache.RemoveByTagAsync("tag") : One.Cache.RemoveAsync("key"));
        await Poll.UntilAsync(() => One.Engine.PendingCount == 0, "the server is told");
        takeOver();
        One.Transport.Restore();
        Two.Transport.Restore();

        // Until then nobody reads the new server. The other node has the entry in memory and knows that very one to be gone; this node knows no more than the server.
        await Poll.UntilAsync(() => One.Engine.IsTrusted && Two.Engine.IsTrusted, "both nodes hear themselves again");
        await Poll.UntilAsync(async () => await ReadAsync(One, tags: ["tag"]) == 2, "the removal is applied again");
        await Poll.UntilAsync(async () => await ReadAsync(Two, tags: ["tag"]) == 2, "the removal is applied again");
    }

    /// <summary>A node knows best what it has invalidated itself, also before it has told the new server.</summary>
    [Fact]
    public async Task A_node_does_not_read_back_what_it_removed_before_the_new_server_knows()
    {
        Assert.Equal(1, await ReadAsync(Two));
        var takeOver = Server.Replicate();
        Raise();
        await One.Cache.RemoveAsync("key");
        takeOver();
        (var gate, One.Level.Before) = GateAt(LevelCall.Advance, "");
        One.Transport.Restore();
        await gate.Reached;
        Assert.Equal(2, await ReadAsync(One));
        gate.Open();
    }
}
