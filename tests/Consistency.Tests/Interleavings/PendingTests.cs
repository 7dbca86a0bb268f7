using System.Runtime.CompilerServices;
using Larder.Backplane;
using Larder.Consistency.Levels;
using Larder.Engine;
using Larder.Tags;
using Larder.Tests.Shared;

namespace Larder.Consistency.Tests.Interleavings;

/// <summary>Invalidations that the server could not be told of at once.</summary>
public sealed class PendingTests : Stage
{
    /// <summary>The value that stands at the server is known to be obsolete, whichever way it is handed over.</summary>
    [Fact]
    public async Task A_key_whose_removal_waits_is_not_served_from_the_server()
    {
        Assert.Equal(1, await ReadAsync(Two));
        Raise();
        One.Level.Before = FailAt(LevelCall.Remove, int.MaxValue);
        await One.Cache.RemoveAsync("key");
        Assert.Equal(2, await ReadAsync(One));
    }

    [Fact]
    public async Task A_key_whose_removal_was_replayed_is_current_on_the_node_that_removed_it()
    {
        Assert.Equal(1, await ReadAsync(Two));
        Raise();
        One.Level.Before = FailAt(LevelCall.Remove);
        await One.Cache.RemoveAsync("key");
        _ = await ReadAsync(One);
        await Poll.UntilAsync(() => One.Engine.PendingCount == 0, "the removal is replayed");
        Assert.Equal(2, await ReadAsync(One));
    }

    [Fact]
    public async Task A_key_set_while_the_server_was_away_holds_on_the_node_that_set_it()
    {
        Assert.Equal(1, await ReadAsync(Two));
        Raise();
        One.Level.Before = FailAt(LevelCall.Set, int.MaxValue);
        await SetAsync(One);
        Assert.Equal(2, await ReadAsync(One));
        await Poll.UntilAsync(async () => await ReadAsync(Two) == 2, "the other node is told by the replay");
        Assert.Equal(2, await ReadAsync(One));
    }

    /// <summary>
    /// The replay of an earlier removal has told the other nodes but does not know yet that it has. A removal that completes
    /// now must not rely on it.
    /// </summary>
    [Fact]
    public async Task A_removal_during_the_replay_of_an_earlier_one_is_told()
    {
        var published = new Gate();
        One.Transport.Published = batch => Tells(batch, MessageKind.KeyChanged) ? published.PassAsync() : Task.CompletedTask;
        One.Level.Before = FailAt(LevelCall.Remove);
        await One.Cache.RemoveAsync("key");
        await published.Reached;
        One.Transport.Published = null;

        Assert.Equal(1, await ReadAsync(Two));
        Raise();
        var removing = One.Cache.RemoveAsync("key").AsTask();
        await EndsOrWaitsToBeToldAsync(removing);
        published.Open();
        await removing;
        await Poll.UntilAsync(() => One.Engine.PendingCount == 0, "nothing waits any more");
        await Poll.UntilAsync(async () => await ReadAsync(Two) == 2, "the other node has been told", TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task A_tag_removed_during_the_replay_of_an_earlier_removal_is_told()
    {
        var published = new Gate();
        One.Transport.Published = batch => Tells(batch, MessageKind.TagInvalidated) ? published.PassAsync() : Task.CompletedTask;
        One.Level.Before = FailAt(LevelCall.SetStamp);
        await One.Cache.RemoveByTagAsync("tag");
        await published.Reached;
        One.Transport.Published = null;

        Assert.Equal(1, await ReadAsync(Two, tags: ["tag"]));
        Raise();
        var removing = One.Cache.RemoveByTagAsync("tag").AsTask();
        await EndsOrWaitsToBeToldAsync(removing);
        published.Open();
        await removing;
        await Poll.UntilAsync(() => One.Engine.PendingCount == 0, "nothing waits any more");
        await Poll.UntilAsync(async () => await ReadAsync(Two, tags: ["tag"]) == 2, "the other node has been told", TimeSpan.FromSeconds(3));
    }

    [Fact]
    public void An_overflow_during_the_replay_of_everything_is_not_struck_out_with_it()
    {
        var pending = new PendingInvalidations(1, One.Engine.Clock);
        var group = new Group("s:*");
        var first = PendingInvalidation.OfGroup(group, BackplaneMessage.LevelInvalidated("*"));
        Assert.True(pending.Add(first));

        // The replay of the first has put a new stamp in place and is about to strike it out.
        Assert.False(pending.Add(PendingInvalidation.OfKey("physical", "scope", "key")));
        pending.ReplaceAllByOne(PendingInvalidation.OfGroup(group, BackplaneMessage.LevelInvalidated("*")));
        pending.Strike(first);
        Assert.Equal(1, pending.Count);
        Assert.True(group.IsPending);
    }

    /// <summary>Until the call has ended, or has done everything but tell the other nodes: its message waits for the batch that is under way.</summary>
    private Task EndsOrWaitsToBeToldAsync(Task call) =>
        Poll.UntilAsync(() => call.IsCompleted || Channel(One.Engine)!.QueueLength == 1, "the call ends or waits for the batch under way");

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_backplane")]
    private static extern ref BackplaneChannel? Channel(CacheEngine engine);

    private static bool Tells(BackplaneBatch batch, MessageKind kind) => batch.Messages.Any(message => message.Kind == kind);
}
