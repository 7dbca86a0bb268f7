using Larder.Backplane;
using Larder.Consistency.Levels;
using Larder.Engine;
using Larder.Tests.Engine;
using Xunit;

namespace Larder.Tests.Namespaces;

/// <summary>A key is changed while it is read with others: what was read before is given to the reader and not kept.</summary>
public sealed class ManyRaceTests : IAsyncDisposable
{
    private readonly MemoryServer _server = new();
    private readonly HookedSecondLevel _level;
    private readonly CacheEngine _engine;
    private readonly CacheEngine _other;

    public ManyRaceTests()
    {
        _level = new HookedSecondLevel(_server.Connect());
        _engine = TestEngine.Create(_level, null, TestEngine.Patient);
        _other = TestEngine.Create(_server.Connect(), null, TestEngine.Patient);
    }

    public async ValueTask DisposeAsync()
    {
        await _engine.DisposeAsync();
        await _other.DisposeAsync();
    }

    [Fact]
    public Task A_removal_here_is_not_undone() => ChangeWhileReadAsync(null, async () => await Of(_engine).RemoveAsync("key"));

    [Fact]
    public Task A_write_here_is_not_undone() => ChangeWhileReadAsync(2, async () => await Of(_engine).SetAsync("key", 2));

    [Fact]
    public Task An_update_here_is_not_undone() => ChangeWhileReadAsync(2, async () => await Of(_engine).UpdateAsync("key", (int number) => number + 1));

    [Fact]
    public Task A_tag_removed_here_stays_so() => ChangeWhileReadAsync(null, async () => await Of(_engine).RemoveByTagAsync("tag"));

    [Fact]
    public Task What_another_node_tells_meanwhile_is_not_undone() => ChangeWhileReadAsync(3, async () =>
    {
        await Of(_other).SetAsync("key", 3);
        ((IBackplaneListener)_engine).OnMessage(BackplaneMessage.KeyChanged(_engine.Scope(new CacheScope(null, null, "area")).Id, "key"));
    });

    [Fact]
    public async Task What_the_server_is_still_to_be_told_of_is_not_read_there()
    {
        await Of(_engine).SetAsync("key", 1);
        await Of(_engine).SetAsync("other", 2);
        _level.Before = (call, _) => call == LevelCall.Remove ? throw new IOException("down") : Task.CompletedTask;
        await Of(_engine).RemoveAsync("key");

        Assert.Equal([("other", 2)], (await Of(_engine).GetManyAsync<int>(["key", "other"])).Select(pair => (pair.Key, pair.Value)));
    }

    [Fact]
    public async Task A_key_that_is_refreshed_in_the_background_does_not_hold_up_the_others()
    {
        var clock = new SteppedClock();
        await using var engine = TestEngine.InMemory(time: clock);
        var refresh = new GatedFactory<int>();
        var early = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(10), EarlyRefreshThreshold = 0.8 };
        await Of(engine).GetOrCreateAsync("refreshed", (_, _) => new ValueTask<int>(1), early);
        clock.Advance(TimeSpan.FromSeconds(590));
        await Of(engine).GetOrCreateAsync("refreshed", (_, token) => refresh.LoadAsync(token), early);
        await refresh.Started;
        clock.Advance(TimeSpan.FromSeconds(11));
        Assert.False((await Of(engine).TryGetAsync<int>("refreshed")).IsFound);

        var asked = new TaskCompletionSource<IReadOnlyCollection<string>>();
        var many = Of(engine).GetOrCreateManyAsync<int>(["refreshed", "other"], (keys, _) =>
        {
            asked.TrySetResult(keys);
            return new(keys.ToDictionary(key => key, _ => 2));
        });
        Assert.Equal(["other"], await asked.Task.WaitAsync(TimeSpan.FromSeconds(30)));
        refresh.Answer(3);
        Assert.Equal([("other", 2), ("refreshed", 3)], (await many).Select(pair => (pair.Key, pair.Value)).Order());
    }

    private async Task ChangeWhileReadAsync(int? expected, Func<Task> change)
    {
        await Of(_other).SetAsync("key", 1, entry => entry.Tag("tag"));
        _level.After = async (call, _) =>
        {
            if (call == LevelCall.Get)
            {
                _level.After = null;
                await change();
            }
        };
        var read = await Of(_engine).GetManyAsync<int>(["key"]);
        Assert.True(read.Count == 0 || read["key"] == 1);

        var now = await Of(_engine).TryGetAsync<int>("key");
        Assert.Equal(expected, now.IsFound ? now.Value : null);
    }

    private static CacheNamespace Of(CacheEngine engine) => new(engine, null!, "area", null);
}
