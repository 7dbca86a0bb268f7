using Larder.Backplane;
using Larder.Consistency.Levels;
using Larder.Tests.Shared;

namespace Larder.Consistency.Tests.Interleavings;

/// <summary>Nodes that have missed messages.</summary>
public sealed class TrustTests : Stage
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(1);

    private protected override void Configure(LarderOptions options) => options.BackplaneTimeout = Timeout;

    [Fact]
    public async Task A_lost_message_is_noticed_by_the_gap_it_leaves()
    {
        await HearEachOtherAsync();
        Assert.Equal(1, await ReadAsync(Two));
        Two.Transport.Receiving = (batch, pass) =>
        {
            if (batch.Messages.Count == 0)
            {
                pass();
            }
        };
        Raise();
        await One.Cache.RemoveAsync("key");
        await Poll.UntilAsync(async () => await ReadAsync(Two) == 2, "the gap is noticed");
    }

    [Fact]
    public async Task A_node_that_hears_nothing_verifies_before_it_serves()
    {
        Assert.Equal(1, await ReadAsync(Two));
        Two.Transport.Receiving = (_, _) => { };
        Raise();
        await One.Cache.RemoveAsync("key");
        await Poll.UntilAsync(async () => await ReadAsync(Two) == 2, "the silence is noticed");
        await Poll.UntilAsync(() => !Two.Engine.IsTrusted, "its own silence is noticed too");
        Raise();
        await One.Cache.RemoveAsync("key");
        Assert.Equal(3, await ReadAsync(Two));
    }

    /// <summary>A node that hears itself and no longer another one it used to hear may be cut off from it alone.</summary>
    [Fact]
    public async Task A_node_that_no_longer_hears_another_one_verifies_once()
    {
        Assert.Equal(1, await ReadAsync(Two));
        await HearEachOtherAsync();
        var self = Two.Engine;
        var own = 0L;
        Two.Transport.Publishing = batch =>
        {
            Volatile.Write(ref own, batch.Node);
            return Task.CompletedTask;
        };
        await Poll.UntilAsync(() => Volatile.Read(ref own) != 0, "the node's own number is known");
        Two.Transport.Receiving = (batch, pass) =>
        {
            if (batch.Node == Volatile.Read(ref own))
            {
                pass();
            }
        };
        Raise();
        await One.Cache.RemoveAsync("key");
        await One.DisposeAsync();
        await Poll.UntilAsync(async () => await ReadAsync(Two) == 2, "the other's silence is noticed");

        // Not at any moment: a machine that stands still for a second ends the trust of every node.
        await Poll.UntilAsync(() => self.IsTrusted, "the node hears itself");
    }

    /// <summary>Verification begins after the doubt was raised and before it was noted which entries it concerns.</summary>
    [Fact]
    public async Task A_doubt_that_takes_long_to_spread_misses_no_key()
    {
        await HearEachOtherAsync();

        // Many groups make the spreading long enough to meet.
        var others = Enumerable.Range(0, 200).Select(i => Two.Engine.Scope(CacheScope.Shared($"n{i}"))).ToArray();
        var tags = others.SelectMany(scope => Enumerable.Range(0, 1_000).Select(i => scope.Tag($"tag{i}"))).ToArray();
        for (var round = 0; round < 20; round++)
        {
            var key = $"key{round}";
            var before = await ReadAsync(Two, key);
            var stop = 0;
            Two.Transport.Receiving = (batch, pass) =>
            {
                if (batch.Messages.Count == 0)
                {
                    pass();
                }
            };
            Raise();
            await One.Cache.RemoveAsync(key);
            var readers = Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
            {
                while (Volatile.Read(ref stop) == 0)
                {
                    await ReadAsync(Two, key);
                }
            })).ToArray();
            var doubt = Task.Run(async () =>
            {
                await Poll.UntilAsync(async () => await ReadAsync(Two, key) > before, $"the gap is noticed in round {round}");
            });
            try
            {
                await doubt;
            }
            finally
            {
                Volatile.Write(ref stop, 1);
                await Task.WhenAll(readers);
            }
        }

        GC.KeepAlive(tags);
    }

    [Fact]
    public async Task A_second_takeover_during_the_replay_for_the_first_is_replayed_too()
    {
        await One.Cache.RemoveAsync("key");
        (var gate, One.Level.After) = GateAt(LevelCall.Remove, "key");
        One.Transport.Restore();
        await gate.Reached;

        // The server that was told is lost as well; the one that has taken over holds what it held before the removal.
        await SetAsync(Two);
        Raise();
        One.Transport.Restore();
        gate.Open();
        await Poll.UntilAsync(async () => await ReadAsync(Two) == 2, "the removal is applied again");
    }

    [Fact]
    public async Task A_server_that_is_away_at_the_start_leaves_one_handler_behind()
    {
        await using var late = new Nodes.GatedNode(Server, Bus, Configure);
        var attempts = 0;
        await using var node = new Nodes.GatedNode(
            Server, Bus, Configure, subscribing: () => Interlocked.Increment(ref attempts) < 4 ? Task.FromException(new IOException("away")) : Task.CompletedTask);
        await Poll.UntilAsync(() => node.Engine.IsTrusted, "the node has subscribed at last");
        Assert.Equal((4, 1), (attempts, node.Transport.InterruptedHandlers));
    }

    // A gap shows only behind a number that was heard.
    private async Task HearEachOtherAsync()
    {
        var heard = new System.Collections.Concurrent.ConcurrentDictionary<long, bool>();
        Two.Transport.Receiving = (batch, pass) =>
        {
            pass();
            heard[batch.Node] = true;
        };
        await Poll.UntilAsync(() => heard.Count == 2, "the second node hears both");
    }
}
