using Larder.Consistency.Levels;
using Larder.Diagnostics;
using Larder.Engine;
using Larder.Hybrid;
using Larder.Tests.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Policies;

/// <summary>Loads in the background beside invalidations, callers and one another.</summary>
public sealed class RefreshEdgeTests : PolicyEdge
{
    [Fact]
    public async Task A_refresh_that_began_before_a_tag_of_the_entry_was_removed_does_not_undo_that()
    {
        var cache = Cache(InMemory());
        await cache.GetOrCreateAsync("key", Value("old"), Early, ["tag"]);
        Clock.Advance(TimeSpan.FromMinutes(9));
        var refresh = new GatedFactory<string?>();
        Assert.Equal("old", await cache.GetOrCreateAsync("key", (_, token) => refresh.LoadAsync(token), Early));
        await refresh.Started;
        await cache.RemoveByTagAsync("tag");
        var after = cache.GetOrCreateAsync("key", Value("new"), Early).AsTask();
        refresh.Answer("read before the change");

        Assert.Equal("new", await after.WaitAsync(Patience));
    }

    [Fact]
    public async Task The_same_of_an_entry_that_was_written_with_the_tag_and_is_read_without_it()
    {
        var engine = InMemory(options =>
        {
            options.EarlyRefreshThreshold = 0.8;
            options.DefaultExpiration = TimeSpan.FromMinutes(10);
        });
        var cache = Cache(engine);
        await cache.SetAsync("key", "old", tags: ["tag"]);
        Clock.Advance(TimeSpan.FromMinutes(9));
        var refresh = new GatedFactory<string?>();
        Assert.Equal("old", await cache.GetOrCreateAsync("key", refresh.LoadAsync));
        await refresh.Started;
        await cache.RemoveByTagAsync("tag");
        refresh.Answer("read before the change");
        await SettleAsync(engine);

        Assert.Equal("new", await cache.GetOrCreateAsync("key", _ => new ValueTask<string?>("new")));
    }

    [Fact]
    public async Task Who_joins_one_that_waits_for_a_refresh_does_not_get_what_its_own_tag_forbids()
    {
        var cache = Cache(InMemory(PatientlyInTheBackground));
        await cache.GetOrCreateAsync("key", Value("old"), Early);
        Clock.Advance(TimeSpan.FromMinutes(9));
        var refresh = new GatedFactory<string?>();
        await cache.GetOrCreateAsync("key", (_, token) => refresh.LoadAsync(token), Early);
        await refresh.Started;
        await cache.RemoveByTagAsync("tag");
        Clock.Advance(TimeSpan.FromMinutes(2));
        var first = cache.GetOrCreateAsync("key", Value("unused"), Early).AsTask();
        Assert.False(first.IsCompleted);
        var second = cache.GetOrCreateAsync("key", Value("new"), Early, ["tag"]).AsTask();
        refresh.Answer("read before the change");

        Assert.Equal("new", await second.WaitAsync(Patience));
        Assert.Equal("read before the change", await first.WaitAsync(Patience));
    }

    [Fact]
    public async Task A_load_that_waits_for_a_refresh_in_vain_runs_its_own_factory()
    {
        var level = new HookedSecondLevel(new MemoryServer { LeaseDuration = TimeSpan.FromMinutes(1) }.Connect());
        var cache = Cache(Start(level, null, options =>
        {
            options.StampAge = TimeSpan.FromHours(20);
            PatientlyInTheBackground(options);
        }));
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(10), EarlyRefreshThreshold = 0.8, StaleIfError = TimeSpan.FromHours(1), HardTimeout = TimeSpan.FromHours(1) };
        var impatient = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(10), EarlyRefreshThreshold = 0.8, SoftTimeout = TimeSpan.FromMilliseconds(500) };
        await cache.GetOrCreateAsync("key", Value("old"), policy);
        Clock.Advance(TimeSpan.FromMinutes(9));
        var refresh = new GatedFactory<string?>();
        await cache.GetOrCreateAsync(
            "key",
            (entry, token) =>
            {
                entry.Tags.Add("late");
                return refresh.LoadAsync(token);
            },
            policy);
        await refresh.Started;
        Clock.Advance(TimeSpan.FromMinutes(2));
        var (asked, answer) = (new TaskCompletionSource(), new TaskCompletionSource());
        level.Before = (call, _) =>
        {
            asked.TrySetResult();
            return call == LevelCall.Get ? answer.Task : Task.CompletedTask;
        };
        var caller = cache.GetOrCreateAsync("key", Value("new"), policy).AsTask();
        await asked.Task.WaitAsync(Patience);

        // Whoever is impatient is given the stale value as soon as the load has come to wait for the other one.
        Clock.Advance(TimeSpan.FromSeconds(1));
        var early = cache.GetOrCreateAsync("key", Value("unused"), impatient).AsTask();
        Assert.False(early.IsCompleted);
        answer.SetResult();
        Assert.Equal("old", await early.WaitAsync(Patience));
        Assert.False(caller.IsCompleted);
        await cache.RemoveByTagAsync("late");
        refresh.Answer("read before the change");

        Assert.Equal("new", await caller.WaitAsync(Patience));
    }

    [Fact]
    public async Task A_hung_load_in_the_background_does_not_wedge_its_key()
    {
        var cache = Cache(InMemory());
        await cache.GetOrCreateAsync("key", Value("old"), Early);
        Clock.Advance(TimeSpan.FromMinutes(9));
        var hung = new GatedFactory<string?>();
        await cache.GetOrCreateAsync("key", (_, token) => hung.LoadAsync(token), Early);
        await hung.Started;
        Clock.Advance(TimeSpan.FromHours(2));

        Assert.Equal("new", await cache.GetOrCreateAsync("key", Value("new"), Early).AsTask().WaitAsync(Patience));
        hung.Answer("never awaited");
    }

    [Fact]
    public async Task A_refresh_that_a_hit_from_before_a_removal_starts_after_it_brings_nothing_back()
    {
        var engine = InMemory();
        var cache = Cache(engine);
        await cache.GetOrCreateAsync("key", Written("old"), Early);
        Clock.Advance(TimeSpan.FromMinutes(9));
        var reads = new HeldReads(Notes, 1);
        var refresh = new GatedFactory<Note>();
        var hit = Task.Run(() => cache.GetOrCreateAsync("key", (_, token) => refresh.LoadAsync(token), Early).AsTask());
        await reads.Reached(0);
        await cache.RemoveAsync("key");
        reads.LetGo(0);
        Assert.Equal("old", (await hit).Text);
        await SettleAsync(engine);

        Assert.Equal(0, refresh.Calls);
        Assert.Equal("new", (await cache.GetOrCreateAsync("key", Written("new"), Early)).Text);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_same_when_the_entry_was_found_at_the_second_level(bool isForeign)
    {
        var level = new HookedSecondLevel(isForeign
            ? new ForeignSecondLevel(new ForeignHybridCache(Clock), null, null, TimeSpan.MaxValue, new EngineClock(Clock))
            : new MemoryServer().Connect());
        var engine = Start(level, null, options => options.StampAge = TimeSpan.FromHours(20));
        var cache = Cache(engine);
        await cache.GetOrCreateAsync("key", Value("old"), Early);
        engine.Memory.Remove(Scope(engine), "key", EntryDeparture.Evicted);
        Clock.Advance(TimeSpan.FromMinutes(9));
        var (found, open) = (new TaskCompletionSource(), new TaskCompletionSource());
        level.After = (call, _) =>
        {
            if (call != LevelCall.Get)
            {
                return Task.CompletedTask;
            }

            found.TrySetResult();
            return open.Task;
        };
        var before = cache.GetOrCreateAsync("key", Down, Early).AsTask();
        await found.Task.WaitAsync(Patience);
        await cache.RemoveAsync("key");
        open.SetResult();
        Assert.Equal("old", await before);
        await SettleAsync(engine);

        Assert.Equal("new", await cache.GetOrCreateAsync("key", Value("new"), Early));
    }

    [Fact]
    public async Task A_claim_to_refresh_is_given_back_whatever_the_order()
    {
        var engine = InMemory();
        var cache = Cache(engine);
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleWhileRevalidate = TimeSpan.FromHours(10), StaleIfErrorThrottle = TimeSpan.FromSeconds(5) };
        await cache.GetOrCreateAsync("key", Written("old"), policy);
        Clock.Advance(TimeSpan.FromMinutes(2));
        var reads = new HeldReads(Notes, 2);
        var first = Task.Run(ReadInVainAsync);
        await reads.Reached(0);
        var second = Task.Run(ReadInVainAsync);
        await reads.Reached(1);
        reads.LetGo(0);
        await first;
        await SettleAsync(engine);
        reads.LetGo(1);
        await second;

        // The throttle is over, the source is back: the next read refreshes.
        Clock.Advance(TimeSpan.FromSeconds(20));
        await cache.GetOrCreateAsync("key", Written("new"), policy);
        await SettleAsync(engine);
        Assert.Equal("new", (await cache.GetOrCreateAsync("key", Written("unused"), policy)).Text);

        async Task ReadInVainAsync() =>
            Assert.Equal("old", (await cache.GetOrCreateAsync("key", (_, _) => ValueTask.FromException<Note>(new IOException("down")), policy)).Text);
    }

    [Fact]
    public async Task An_entry_found_by_a_refresh_is_not_left_claimed()
    {
        var store = new TestDistributedCache(Clock);
        var one = Plain(store, options => options.StampAge = TimeSpan.FromHours(20));
        var two = Plain(store, options => options.StampAge = TimeSpan.FromHours(20));
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleWhileRevalidate = TimeSpan.FromHours(8), StaleIfError = TimeSpan.FromHours(8), StaleIfErrorThrottle = TimeSpan.FromSeconds(5) };
        await Cache(one).GetOrCreateAsync("key", Value("first"), policy);
        Clock.Advance(TimeSpan.FromSeconds(1));

        // Another node's entry takes the place at the second level; node one still has its own.
        await Cache(two).GetOrCreateAsync("key", Value("second"), new CacheEntryPolicy
        {
            Expiration = policy.Expiration,
            StaleWhileRevalidate = policy.StaleWhileRevalidate,
            StaleIfError = policy.StaleIfError,
            Flags = HybridCacheEntryFlags.DisableDistributedCacheRead | HybridCacheEntryFlags.DisableLocalCacheRead,
        });
        Clock.Advance(TimeSpan.FromMinutes(2));

        // Due: the refresh finds the other one at the second level, memory lets go of its own, and the factory fails.
        var refresh = new GatedFactory<string?>();
        Assert.Equal("first", await Cache(one).GetOrCreateAsync("key", (_, token) => refresh.LoadAsync(token), policy));
        await refresh.Started;
        one.Memory.Remove(Scope(one), "key", EntryDeparture.Evicted);
        refresh.Fail(new IOException("down"));
        await SettleAsync(one);
        for (var i = 0; i < 5; i++)
        {
            Clock.Advance(TimeSpan.FromMinutes(1));
            await Cache(one).GetOrCreateAsync("key", Value("third"), policy);
            await SettleAsync(one);
        }

        Assert.Equal("third", await Cache(one).GetOrCreateAsync("key", Value("unused"), policy));
    }

    [Fact]
    public async Task A_nodes_own_copy_ends_at_its_local_expiration_while_revalidated_too()
    {
        var server = new MemoryServer();
        var one = Start(server.Connect(), null, options => options.StampAge = TimeSpan.FromHours(10));
        var two = Start(server.Connect(), null, options => options.StampAge = TimeSpan.FromHours(10));
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(10), LocalCacheExpiration = TimeSpan.FromMinutes(1), StaleWhileRevalidate = TimeSpan.FromHours(1), EarlyRefreshThreshold = 0.5 };
        await Cache(one).GetOrCreateAsync("key", Value("old"), policy);
        Clock.Advance(TimeSpan.FromMinutes(9));
        await Cache(two).GetOrCreateAsync("key", Value("new"), policy);
        await SettleAsync(two);
        Assert.Equal("new", await Cache(two).GetOrCreateAsync("key", Value("unused"), policy));
        Clock.Advance(TimeSpan.FromMinutes(2));

        // The second level holds the new one, fresh; this node's copy of the old one ended ten minutes ago.
        Assert.Equal("new", await Cache(one).GetOrCreateAsync("key", Value("unused"), policy));
    }

    [Fact]
    public async Task A_local_copy_shorter_than_the_entry_is_refreshed_and_hits_stay_plain()
    {
        var engine = Start(new MemoryServer().Connect(), null, options => options.StampAge = TimeSpan.FromHours(20));
        var cache = Cache(engine);
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(10), LocalCacheExpiration = TimeSpan.FromMinutes(1), StaleWhileRevalidate = TimeSpan.FromHours(1), EarlyRefreshThreshold = 0.9 };
        await cache.GetOrCreateAsync("key", Value("value"), policy);
        Clock.Advance(TimeSpan.FromMinutes(11));
        await cache.GetOrCreateAsync("key", Down, policy);
        await SettleAsync(engine);
        Assert.True(engine.Memory.TryGet(Scope(engine), "key", out var entry));
        await cache.GetOrCreateAsync("key", Down, policy);

        Assert.True(entry.ServeUntil > engine.Clock.Now, $"Served by a plain look until {entry.ServeUntil}, and it is {engine.Clock.Now}: every hit takes a closer one.");
    }

    // Callers leave a key to a load in the background for six times the lease.
    private static void PatientlyInTheBackground(LarderOptions options) => options.LeaseDuration = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task What_another_node_has_refreshed_is_not_covered_by_the_value_from_before()
    {
        var (server, foreign) = (new MemoryServer(), new ForeignHybridCache(Clock));
        var level = new HookedSecondLevel(new ForeignSecondLevel(foreign, server.Connect(), null, TimeSpan.MaxValue, new EngineClock(Clock)));
        var one = Start(level);
        var two = Start(new ForeignSecondLevel(foreign, server.Connect(), null, TimeSpan.MaxValue, new EngineClock(Clock)));
        await Cache(one).GetOrCreateAsync("key", Value("v1"), Early);
        Clock.Advance(TimeSpan.FromMinutes(9));

        // The second look is that of the refresh; the other node is done before it.
        var (looks, open) = (0, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        level.Before = (call, _) => call == LevelCall.Get && Interlocked.Increment(ref looks) == 2 ? open.Task : Task.CompletedTask;
        Assert.Equal("v1", await Cache(one).GetOrCreateAsync("key", Value("unused"), Early));
        await Cache(two).SetAsync("key", "v2", new HybridCacheEntryOptions { Expiration = TimeSpan.FromMinutes(10) });
        open.SetResult();
        await SettleAsync(one);

        Assert.Equal("v2", await Cache(one).GetOrCreateAsync("key", Value("unused"), Early));
    }

    [Fact]
    public async Task Who_may_not_replace_an_entry_does_not_refresh_it()
    {
        var engine = InMemory();
        var cache = Cache(engine);
        await cache.GetOrCreateAsync("key", Value("old"), Early);
        Clock.Advance(TimeSpan.FromMinutes(9));
        var loads = 0;
        Func<CacheEntryContext, CancellationToken, ValueTask<string?>> load = (_, _) => new($"load {++loads}");
        Assert.Equal("old", await cache.GetOrCreateAsync("key", load, new CacheEntryPolicy { Expiration = Early.Expiration, EarlyRefreshThreshold = Early.EarlyRefreshThreshold, Flags = HybridCacheEntryFlags.DisableLocalCacheWrite }));
        await SettleAsync(engine);
        Assert.Equal(0, loads);

        Assert.Equal("old", await cache.GetOrCreateAsync("key", load, Early));
        await SettleAsync(engine);
        Assert.Equal("load 1", await cache.GetOrCreateAsync("key", load, Early));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Services_that_throw_when_they_end_do_not_undo_what_was_loaded(bool cached)
    {
        await using var services = new ServiceCollection().AddScoped<Grudge>().AddLarder().Services.BuildServiceProvider();
        var cache = services.GetRequiredService<HybridCache>();
        Func<CacheEntryContext, CancellationToken, ValueTask<string>> load = (entry, _) =>
        {
            entry.Services.GetRequiredService<Grudge>();
            return new ValueTask<string>("value");
        };
        Assert.Equal("value", await cache.GetOrCreateAsync(cached ? "key" : " ", load));
        Assert.Equal(cached, (await cache.TryGetAsync<string>("key")).IsFound);
    }

    private sealed class Grudge : IDisposable
    {
        public void Dispose() => throw new IOException("not now");
    }

    [Fact]
    public async Task Loads_in_the_background_and_values_that_stand_in_are_counted_once()
    {
        var metrics = new LarderMetrics(null);
        using var measured = new Measurements(metrics);
        await using var engine = TestEngine.Create(null, null, time: Clock, metrics: metrics);
        var cache = Cache(engine);
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(10), EarlyRefreshThreshold = 0.5, StaleIfError = TimeSpan.FromHours(1), StaleIfErrorThrottle = TimeSpan.FromSeconds(5) };
        await cache.GetOrCreateAsync("key", Value("v1"), policy);
        Clock.Advance(TimeSpan.FromMinutes(9));
        await cache.GetOrCreateAsync("key", Value("v2"), policy);
        await SettleAsync(engine);
        Assert.Equal((1, 1), (measured.Sum("larder.cache.refreshes stored"), measured.Sum("larder.cache.misses")));

        Clock.Advance(TimeSpan.FromMinutes(6));
        await cache.GetOrCreateAsync("key", (entry, _) =>
        {
            entry.DoNotStore();
            return new ValueTask<string?>("v3");
        }, policy);
        await SettleAsync(engine);
        Assert.Equal(1, measured.Sum("larder.cache.refreshes unstored"));
        Clock.Advance(TimeSpan.FromSeconds(10));
        await cache.GetOrCreateAsync("key", Down, policy);
        await SettleAsync(engine);
        Assert.Equal((1, 0), (measured.Sum("larder.cache.refreshes failed"), measured.Sum("larder.cache.stale error")));

        Clock.Advance(TimeSpan.FromMinutes(20));
        Assert.Equal("v2", await cache.GetOrCreateAsync("key", Down, policy));
        Assert.Equal((1, 0), (measured.Sum("larder.cache.stale error"), measured.Sum("larder.cache.stale kept")));
        Assert.Equal("v2", await cache.GetOrCreateAsync("key", Down, policy));
        Assert.Equal((1, 1), (measured.Sum("larder.cache.stale error"), measured.Sum("larder.cache.stale kept")));
    }
}
