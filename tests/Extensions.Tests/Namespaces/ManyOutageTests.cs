using Larder.Consistency.Levels;
using Larder.Engine;
using Larder.Tests.Engine;
using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests.Namespaces;

/// <summary>Many keys at once, while the second level answers for some of what is asked and not for the rest.</summary>
public sealed class ManyOutageTests
{
    private readonly MemoryServer _server = new();

    [Fact]
    public async Task Who_wants_to_know_what_was_not_read_is_told_also_if_only_the_stamps_were_not()
    {
        await using var writer = TestEngine.Create(_server.Connect(), null, TestEngine.Patient);
        await Of(writer).SetAsync("key", 1, entry => entry.Tag("tag"));
        var level = new HookedSecondLevel(_server.Connect());
        await using var reader = TestEngine.Create(level, null, options => (options.OnReadFailure, options.SecondLevelTimeout) = (SecondLevelFailure.Throw, TimeSpan.FromSeconds(20)));
        level.Before = (call, group) => call == LevelCall.GetStamp && group.EndsWith(":tag", StringComparison.Ordinal) ? throw new IOException("down") : Task.CompletedTask;

        await Assert.ThrowsAsync<SecondLevelException>(async () => await Of(reader).GetAsync<int>("key"));
        await Assert.ThrowsAsync<SecondLevelException>(async () => await Of(reader).GetManyAsync<int>(["key"]));
        level.Before = null;
        Assert.Equal([1], (await Of(reader).GetManyAsync<int>(["key"])).Values);
    }

    [Fact]
    public async Task What_memory_may_still_serve_is_served_when_only_the_stamps_could_not_be_read()
    {
        var clock = new SteppedClock();
        var level = new HookedSecondLevel(_server.Connect());
        await using var engine = TestEngine.Create(level, null, TestEngine.Patient, clock);
        await Of(engine).SetAsync("key", 1, entry => entry.Tag("tag"));

        // Old enough to be compared, and young enough to be served without.
        clock.Advance(TimeSpan.FromSeconds(3));
        level.Before = (call, group) => call == LevelCall.GetStamp && group.EndsWith(":tag", StringComparison.Ordinal) ? throw new IOException("down") : Task.CompletedTask;

        Assert.Equal([1], (await Of(engine).GetManyAsync<int>(["key"])).Values);
    }

    [Fact]
    public async Task A_call_for_many_pays_for_one_silence()
    {
        string[] keys = [.. Enumerable.Range(0, 100).Select(i => $"k{i}")];
        await using var writer = TestEngine.Create(_server.Connect(), null, TestEngine.Patient);
        foreach (var key in keys)
        {
            await Of(writer).SetAsync(key, 1, entry => entry.Tag("tag of " + key));
        }

        var level = new HookedSecondLevel(_server.Connect());
        await using var reader = TestEngine.Create(level, null, TestEngine.Patient);
        var asked = 0;
        level.Before = (call, group) =>
        {
            if (call == LevelCall.GetStamp && group.Contains("tag of", StringComparison.Ordinal))
            {
                asked++;
                throw new IOException("down");
            }

            return Task.CompletedTask;
        };

        Assert.Empty(await Of(reader).GetManyAsync<int>(keys));
        Assert.Equal(1, asked);
    }

    private static CacheNamespace Of(CacheEngine engine) => new(engine, null!, "area", null);
}
