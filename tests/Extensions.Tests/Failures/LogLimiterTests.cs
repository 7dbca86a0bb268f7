using Larder.Consistency.Levels;
using Larder.Diagnostics;
using Larder.Engine;
using Larder.Hybrid;
using Larder.Tests.Engine;
using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests.Failures;

/// <summary>What may have to be said with every call is said once a minute.</summary>
public sealed class LogLimiterTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Once_a_minute_and_then_with_the_number_left_out_since()
    {
        var limiter = new LogLimiter(new EngineClock(_time));
        Assert.True(limiter.Admits("kind", "subject", out var suppressed));
        Assert.Equal(0, suppressed);
        for (var i = 0; i < 99; i++)
        {
            Assert.False(limiter.Admits("kind", "subject", out _));
        }

        _time.Advance(Minute - TimeSpan.FromMilliseconds(1));
        Assert.False(limiter.Admits("kind", "subject", out _));
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.True(limiter.Admits("kind", "subject", out suppressed));
        Assert.Equal(100, suppressed);
        _time.Advance(Minute);
        Assert.True(limiter.Admits("kind", "subject", out suppressed));
        Assert.Equal(0, suppressed);
    }

    [Fact]
    public void Each_kind_and_subject_for_itself()
    {
        var limiter = new LogLimiter(new EngineClock(_time));

        Assert.True(limiter.Admits("kind", "one", out _));
        Assert.True(limiter.Admits("kind", "two", out _));
        Assert.True(limiter.Admits("other", "one", out _));
        Assert.True(limiter.Admits("other", null, out _));
        Assert.False(limiter.Admits("kind", "two", out _));
    }

    [Fact]
    public void Ever_new_subjects_share_a_place_so_that_neither_memory_nor_the_log_grows()
    {
        var limiter = new LogLimiter(new EngineClock(_time));
        var admitted = Enumerable.Range(0, 100_000).Count(i => limiter.Admits("kind", $"subject {i}", out _));

        Assert.InRange(admitted, 1, LogLimiter.MaximumPlaces + 1);
        Assert.InRange(limiter.Count, 1, LogLimiter.MaximumPlaces + 1);
    }

    [Fact]
    public async Task A_serializer_that_always_fails_is_logged_once_a_minute_for_each_type()
    {
        var log = new TestLog();
        await using var engine = TestEngine.Create(null, null, time: _time, logger: log);
        var cache = new ScopedHybridCache(engine, CacheScope.Raw);
        for (var i = 0; i < 10; i++)
        {
            await cache.SetAsync($"key {i}", new Unwritable());
            await cache.SetAsync($"other {i}", new AlsoUnwritable());
        }

        string[] first = log.Find("its serializer failed");
        Assert.Equal(2, first.Length);
        Assert.All(first, text => Assert.Contains(" 0 more", text, StringComparison.Ordinal));

        _time.Advance(Minute);
        await cache.SetAsync("key", new Unwritable());

        Assert.Contains("type Unwritable was not stored because its serializer failed. 9 more", log.Find("its serializer failed")[2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Values_too_large_are_logged_once_a_minute()
    {
        var log = new TestLog();
        await using var engine = TestEngine.Create(null, null, options => options.MaximumPayloadBytes = 10, _time, log);
        var cache = new ScopedHybridCache(engine, CacheScope.Raw);
        for (var i = 0; i < 10; i++)
        {
            await cache.SetAsync($"key {i}", new List<string> { "much too long for ten bytes" });
        }

        Assert.Single(log.Find("serializes to more than"));
    }

    [Fact]
    public async Task Rubbish_in_the_store_is_logged_once_a_minute()
    {
        var log = new TestLog();
        var server = new MemoryServer();
        var level = server.Connect();
        await using var engine = TestEngine.Create(level, null, time: _time, logger: log);
        var cache = new ScopedHybridCache(engine, CacheScope.Raw);
        for (var i = 0; i < 10; i++)
        {
            var scope = engine.Scope(CacheScope.Raw);
            await level.SetAsync(scope.PhysicalKey($"key {i}"), "rubbish"u8.ToArray(), default, CancellationToken.None);
            Assert.Equal(i, await new CountedFactory<int>(i).ReadAsync(cache, $"key {i}"));
        }

        Assert.Single(log.Find("A stored payload was not used"));
    }

    private sealed class Unwritable
    {
        public int Value => throw new NotSupportedException("cannot be read");
    }

    private sealed class AlsoUnwritable
    {
        public int Value => throw new NotSupportedException("cannot be read");
    }
}
