using Larder.Consistency.Levels;
using Larder.Engine;
using Larder.Tests.Engine;
using Xunit;

namespace Larder.Tests.Namespaces;

/// <summary>Changes of entries that a node has stored whose clock is ahead.</summary>
public sealed class SkewedUpdateTests : IAsyncDisposable
{
    private readonly LivesLevel _level = new(new MemoryServer().Connect());
    private readonly CacheEngine _ahead;
    private readonly CacheEngine _engine;

    public SkewedUpdateTests()
    {
        var clock = new SteppedClock();
        clock.Advance(TimeSpan.FromMinutes(10));
        _ahead = TestEngine.Create(_level, null, TestEngine.Patient, time: clock);
        _engine = TestEngine.Create(_level, null, TestEngine.Patient, time: new SteppedClock());
    }

    public async ValueTask DisposeAsync()
    {
        await _ahead.DisposeAsync();
        await _engine.DisposeAsync();
    }

    [Fact]
    public async Task An_entry_that_was_given_another_end_lives_until_then()
    {
        await Of(_ahead).SetAsync("key", 1, entry => entry.Expire(TimeSpan.FromMinutes(5)));
        Assert.True(await Of(_engine).ExpireAsync("key", TimeSpan.FromMinutes(7)));

        Assert.Equal(1, await Of(_engine).GetAsync<int>("key"));
        Assert.Equal(TimeSpan.FromMinutes(7), await Of(_engine).GetTimeToLiveAsync("key"));
        Assert.Equal(2, (await Of(_engine).UpdateAsync("key", (int number) => number + 1, TimeSpan.FromMinutes(1))).Value);
        Assert.Equal(2, await Of(_engine).GetAsync<int>("key"));
    }

    [Fact]
    public async Task An_update_does_not_make_an_entry_live_longer_than_it_was_given()
    {
        await Of(_ahead).SetAsync("key", 1, entry => entry.Expire(TimeSpan.FromMinutes(5)));
        Assert.Equal(2, (await Of(_engine).UpdateAsync("key", (int number) => number + 1)).Value);

        Assert.Equal(TimeSpan.FromMinutes(5), _level.Replaced);
    }

    private static CacheNamespace Of(CacheEngine engine) => new(engine, null!, "area", null);

    private sealed class LivesLevel(SecondLevel inner) : SecondLevelDecorator(inner)
    {
        public TimeSpan Replaced { get; private set; }

        public override Task<bool> ReplaceAsync(string key, long expectedId, ReadOnlyMemory<byte> payload, TimeSpan expiration, CancellationToken cancellationToken)
        {
            Replaced = expiration;
            return base.ReplaceAsync(key, expectedId, payload, expiration, cancellationToken);
        }
    }
}
