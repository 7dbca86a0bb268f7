using Larder.Consistency.Levels;
using Larder.Engine;
using Larder.Tests.Engine;
using Xunit;

namespace Larder.Tests.Namespaces;

/// <summary>Changes that compare, while the second level does not answer or answers too late.</summary>
public sealed class UpdateOutageTests : IAsyncDisposable
{
    private readonly HookedSecondLevel _level;
    private readonly CacheEngine _engine;
    private readonly CacheNamespace _cache;

    public UpdateOutageTests()
    {
        _level = new HookedSecondLevel(new MemoryServer().Connect());
        _engine = TestEngine.Create(_level, null, TestEngine.Patient);
        _cache = new CacheNamespace(_engine, null!, "area", null);
    }

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    [Fact]
    public async Task What_could_not_be_read_is_not_changed()
    {
        await _cache.SetAsync("key", 1);
        _level.Before = (call, _) => call == LevelCall.Get ? throw new IOException("down") : Task.CompletedTask;
        var failure = await Assert.ThrowsAsync<SecondLevelException>(async () => await _cache.UpdateAsync<int>("key", _ => throw new InvalidOperationException("asked")));
        Assert.IsType<IOException>(failure.InnerException);
        _level.Before = null;

        Assert.Equal(2, (await _cache.UpdateAsync("key", (int number) => number + 1)).Value);
    }

    [Fact]
    public async Task What_is_not_known_to_have_been_changed_is_removed()
    {
        await _cache.SetAsync("key", 1);
        _level.After = (call, _) => call == LevelCall.Replace ? throw new IOException("the answer was lost") : Task.CompletedTask;
        await Assert.ThrowsAsync<SecondLevelException>(async () => await _cache.UpdateAsync("key", (int number) => number + 1));
        _level.After = null;

        Assert.False((await _cache.TryGetAsync<int>("key")).IsFound);
        await Larder.Tests.Shared.Poll.UntilAsync(() => _engine.PendingCount == 0, "the key was removed at the server");
        Assert.False(await _cache.ExistsAsync("key"));
        Assert.False((await _cache.UpdateAsync("key", (int number) => number + 1)).IsFound);
    }

    [Fact]
    public async Task While_a_removal_waits_to_be_told_nothing_is_changed_and_nobody_has_removed_anything()
    {
        await _cache.SetAsync("key", 1);
        _level.Before = (call, _) => call is LevelCall.Remove or LevelCall.Get ? throw new IOException("down") : Task.CompletedTask;

        // Taking a value reads and removes it.
        Assert.False(await _cache.RemoveAsync("key"));
        _level.Before = (call, _) => call == LevelCall.Remove ? throw new IOException("down") : Task.CompletedTask;
        await Assert.ThrowsAsync<SecondLevelException>(async () => await _cache.UpdateAsync("key", (int number) => number + 1));
        Assert.False(await _cache.ExistsAsync("key"));
        Assert.Null(await _cache.GetEntryAsync("key"));
    }

    [Fact]
    public async Task An_update_that_never_gets_a_turn_of_its_own_says_so()
    {
        await _cache.SetAsync("key", 1);
        var asked = 0;
        await Assert.ThrowsAsync<TimeoutException>(async () => await _cache.UpdateAsync("key", (int number) =>
        {
            asked++;
            Task.Run(async () => await _cache.SetAsync("key", 100)).GetAwaiter().GetResult();
            return number + 1;
        }));

        Assert.Equal(1_000, asked);
        Assert.Equal(100, await _cache.GetAsync<int>("key"));
    }

    [Fact]
    public async Task A_look_tells_of_what_memory_serves_while_the_second_level_is_away()
    {
        await _cache.SetAsync("key", 1, entry => entry.Tag("tag"));
        _level.Before = (_, _) => throw new IOException("down");

        Assert.Equal(1, await _cache.GetAsync<int>("key"));
        Assert.True(await _cache.ExistsAsync("key"));
        Assert.Equal(["tag"], (await _cache.GetEntryAsync("key"))?.Tags);
    }

    [Fact]
    public async Task A_value_whose_write_was_acknowledged_to_nobody_is_taken_once()
    {
        var server = new MemoryServer();
        var level = new HookedSecondLevel(server.Connect());
        await using var engine = TestEngine.Create(level, null, TestEngine.Patient);
        await using var other = TestEngine.Create(server.Connect(), null, TestEngine.Patient);
        level.After = (call, _) => call == LevelCall.Set ? throw new IOException("the answer was lost") : Task.CompletedTask;
        level.Before = (call, _) => call == LevelCall.Remove ? throw new IOException("down") : Task.CompletedTask;
        var (here, there) = (new CacheNamespace(engine, null!, "area", null), new CacheNamespace(other, null!, "area", null));
        await here.SetAsync("token", 1);

        bool[] taken = [await there.RemoveAsync("token"), await here.RemoveAsync("token")];
        Assert.Single(taken, static one => one);
    }
}
