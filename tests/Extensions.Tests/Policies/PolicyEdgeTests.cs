#pragma warning disable
using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Reflection;
using Larder.Consistency.Levels;
using Larder.Diagnostics;
using Larder.Engine;
using Larder.Hybrid;
using Larder.Tests.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Larder.Tests.Policies;

/// <summary>Each test says what ought to hold. Those that fail are findings.</summary>
public sealed class PolicyEdgeTests : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private readonly List<IAsyncDisposable> _owned = [];
    private readonly SteppedClock _clock = new();

    public async ValueTask DisposeAsync()
    {
        foreach (var owned in _owned)
        {
            await owned.DisposeAsync().AsTask().WaitAsync(Patience);
        }
    }

    private sealed class Box { public string Text { get; set; } = ""; }

    private sealed class BoxSerializer : IHybridCacheSerializer<Box>
    {
        public Action? Reading;

        public Box Deserialize(ReadOnlySequence<byte> source)
        {
            var text = System.Text.Encoding.UTF8.GetString(source.ToArray());
            Reading?.Invoke();
            return new Box { Text = text };
        }

        public void Serialize(Box value, IBufferWriter<byte> target) => target.Write(System.Text.Encoding.UTF8.GetBytes(value.Text));
    }

    private CacheEngine Make(SecondLevel? second = null, MemoryBus? bus = null, Action<LarderOptions>? configure = null, Action<IServiceCollection>? services = null, TimeProvider? time = null)
    {
        var options = new LarderOptions { SecondLevelTimeout = TimeSpan.FromSeconds(10), BackplaneTimeout = TimeSpan.FromSeconds(60) };
        configure?.Invoke(options);
        var collection = new ServiceCollection();
        services?.Invoke(collection);
        var engine = new CacheEngine(options, time ?? _clock, new Serializers(collection.BuildServiceProvider()), second, bus?.Connect(), new LarderMetrics(null), NullLogger.Instance);
        _owned.Add(engine);
        return engine;
    }

    private CacheEngine Plain(TestDistributedCache store, Action<LarderOptions>? configure = null) =>
        Make(new DistributedSecondLevel(store, "larder:", _clock), null, configure);

    private static ScopeState Scope(CacheEngine engine) => engine.Scope(new CacheScope("acme"));

    private static HybridCache Cache(CacheEngine engine) => new ScopedHybridCache(engine, new CacheScope("acme"));

    private static Func<CacheEntryContext, CancellationToken, ValueTask<string?>> Value(string? value) => (_, _) => new(value);

    private static readonly Func<CacheEntryContext, CancellationToken, ValueTask<string?>> Down = (_, _) => ValueTask.FromException<string?>(new IOException("down"));

    private static async Task Trusted(params CacheEngine[] engines)
    {
        foreach (var engine in engines)
        {
            await Poll.UntilAsync(() => engine.IsTrusted, "trusted");
        }
    }

    private static Task Settle(CacheEngine engine) => Poll.UntilAsync(() => engine.RefreshCount == 0, "settled");

    private static readonly CacheEntryPolicy Early = new() { Expiration = TimeSpan.FromMinutes(10), EarlyRefreshThreshold = 0.8 };

    // ---------------------------------------------------------------- values lost or undone

    [Fact]
    public async Task Not_found_that_was_invalidated_does_not_turn_the_next_value_into_not_found()
    {
        var store = new TestDistributedCache(_clock);
        var policy = new CacheEntryPolicy { StaleIfErrorServes = StaleValues.Invalidated };
        var one = Cache(Plain(store));
        var two = Cache(Plain(store));
        await one.GetOrCreateAsync<string?>("key", (c, _) => { c.NotFound(); return new((string?)null); }, policy, ["tag"]);
        await one.RemoveByTagAsync("tag");

        Assert.Equal("value", await two.GetOrCreateAsync("key", Value("value"), policy, ["tag"]));
        Assert.Equal("value", await two.GetOrCreateAsync("key", Value("unused"), policy, ["tag"]));
    }

    [Fact]
    public async Task Same_on_one_node()
    {
        var store = new TestDistributedCache(_clock);
        var one = Cache(Plain(store, o => o.StaleIfErrorServes = StaleValues.Invalidated));
        await one.GetOrCreateAsync<string?>("key", (c, _) => { c.NotFound(); return new((string?)null); }, null, ["tag"]);
        await one.RemoveByTagAsync("tag");

        Assert.Equal("value", await one.GetOrCreateAsync("key", Value("value"), null, ["tag"]));
        Assert.Equal("value", await one.GetOrCreateAsync("key", Value("unused"), null, ["tag"]));
    }

    [Fact]
    public async Task A_refresh_that_began_before_an_invalidation_of_the_entrys_tag_does_not_undo_it()
    {
        var cache = Cache(Make());
        await cache.SetAsync("key", "v1", new() { Expiration = TimeSpan.FromMinutes(10) }, ["tag"]);
        // SetAsync uses the defaults of the namespace: give the entry a refresh time by a load.
        await cache.RemoveAsync("key");
        await cache.GetOrCreateAsync("key", Value("v1"), Early, ["tag"]);
        _clock.Advance(TimeSpan.FromMinutes(9));
        var gate = new GatedFactory<string?>();
        Assert.Equal("v1", await cache.GetOrCreateAsync("key", (_, t) => gate.LoadAsync(t), Early));
        await gate.Started;
        await cache.RemoveByTagAsync("tag");
        var after = cache.GetOrCreateAsync("key", Value("v2"), Early).AsTask();
        await Task.Delay(100);
        gate.Answer("v1");

        Assert.Equal("v2", await after.WaitAsync(Patience));
    }

    [Fact]
    public async Task Written_with_a_tag_and_read_without_it()
    {
        var engine = Make(configure: o => { o.EarlyRefreshThreshold = 0.8; o.DefaultExpiration = TimeSpan.FromMinutes(10); });
        var cache = Cache(engine);
        await cache.SetAsync("key", "v1", tags: ["tag"]);
        _clock.Advance(TimeSpan.FromMinutes(9));
        var gate = new GatedFactory<string?>();
        Assert.Equal("v1", await cache.GetOrCreateAsync("key", gate.LoadAsync));
        await gate.Started;
        await cache.RemoveByTagAsync("tag");
        gate.Answer("v1");
        await Settle(engine);

        Assert.Equal("v2", await cache.GetOrCreateAsync("key", _ => new ValueTask<string?>("v2")));
    }

    [Fact]
    public async Task Who_joins_does_not_get_what_only_the_leader_would_accept()
    {
        var cache = Cache(Make());
        var reckless = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleIfError = TimeSpan.FromHours(1), StaleIfErrorServes = StaleValues.Invalidated };
        var careful = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleIfError = TimeSpan.FromHours(1), StaleIfErrorServes = StaleValues.Verified };
        await cache.GetOrCreateAsync("key", Value("v1"), careful, ["tag"]);
        await cache.RemoveByTagAsync("tag");
        var gate = new GatedFactory<string?>();
        var leader = cache.GetOrCreateAsync("key", (_, t) => gate.LoadAsync(t), reckless, ["tag"]).AsTask();
        await gate.Started;
        var joiner = cache.GetOrCreateAsync("key", Value("v2"), careful, ["tag"]).AsTask();
        gate.Fail(new IOException("down"));
        Assert.Equal("v1", await leader);

        string? got = null;
        try { got = await joiner.WaitAsync(Patience); } catch (IOException) { }
        Assert.NotEqual("v1", got);
    }

    [Fact]
    public async Task Who_joins_one_that_waits_for_a_refresh_does_not_get_what_its_own_tag_forbids()
    {
        var engine = Make();
        var cache = Cache(engine);
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(10), EarlyRefreshThreshold = 0.5 };
        await cache.GetOrCreateAsync("key", Value("v1"), policy);
        _clock.Advance(TimeSpan.FromMinutes(9));
        var gate = new GatedFactory<string?>();
        await cache.GetOrCreateAsync("key", (_, t) => gate.LoadAsync(t), policy);
        await gate.Started;
        await cache.RemoveByTagAsync("u");
        _clock.Advance(TimeSpan.FromMinutes(2));
        var first = cache.GetOrCreateAsync("key", Value("v2"), policy).AsTask();
        await Task.Delay(50);
        var second = cache.GetOrCreateAsync("key", Value("v2"), policy, ["u"]).AsTask();
        await Task.Delay(50);
        gate.Answer("v1");

        Assert.Equal("v2", await second.WaitAsync(Patience));
    }

    [Fact]
    public async Task A_removed_key_stays_removed_on_other_nodes_also_with_Invalidated()
    {
        var store = new TestDistributedCache(_clock);
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromHours(1), StaleIfError = TimeSpan.FromHours(1), StaleIfErrorServes = StaleValues.Invalidated };
        var one = Cache(Plain(store));
        var two = Cache(Plain(store));
        await one.GetOrCreateAsync("key", Value("v1"), policy);
        Assert.Equal("v1", await two.GetOrCreateAsync("key", Value("unused"), policy));
        await one.RemoveAsync("key");

        // StampAge is 5 s.
        _clock.Advance(TimeSpan.FromMinutes(1));
        await Assert.ThrowsAsync<IOException>(() => two.GetOrCreateAsync("key", Down, policy).AsTask());
    }

    // ---------------------------------------------------------------- waiting


    [Fact]
    public async Task A_load_that_waits_for_a_refresh_in_vain_runs_its_own_factory()
    {
        var level = new HookedSecondLevel(new MemoryServer().Connect());
        var engine = Make(level, null, o => o.StampAge = TimeSpan.FromHours(20));
        var cache = Cache(engine);
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(10), EarlyRefreshThreshold = 0.5, SoftTimeout = TimeSpan.FromMilliseconds(100) };
        await cache.GetOrCreateAsync("key", Value("v1"), policy);
        _clock.Advance(TimeSpan.FromMinutes(9));
        var refresh = new GatedFactory<string?>();
        await cache.GetOrCreateAsync("key", async (c, t) => { c.Tags.Add("late"); return await refresh.LoadAsync(t); }, policy);
        await refresh.Started;
        _clock.Advance(TimeSpan.FromMinutes(2));
        var slow = new TaskCompletionSource();
        level.Before = (call, _) => call == LevelCall.Get ? slow.Task : Task.CompletedTask;
        var caller = cache.GetOrCreateAsync("key", Value("v2"), policy).AsTask();
        await Task.Delay(400);
        slow.SetResult();
        await Task.Delay(300);
        await cache.RemoveByTagAsync("late");
        refresh.Answer("v1");

        Assert.Equal("v2", await caller.WaitAsync(Patience));
    }

    [Fact]
    public async Task A_soft_timeout_holds_while_another_node_loads()
    {
        var (server, bus) = (new MemoryServer(), new MemoryBus());
        var one = Make(server.Connect(), bus, o => o.BackplaneTimeout = TimeSpan.FromSeconds(1));
        var two = Make(server.Connect(), bus, o => o.BackplaneTimeout = TimeSpan.FromSeconds(1));
        await Trusted(one, two);
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleIfError = TimeSpan.FromHours(1), SoftTimeout = TimeSpan.FromMilliseconds(100) };
        await Cache(one).GetOrCreateAsync("key", Value("v1"), policy);
        Assert.Equal("v1", await Cache(two).GetOrCreateAsync("key", Value("unused"), policy));
        _clock.Advance(TimeSpan.FromMinutes(2));
        await Trusted(one, two);
        var gate = new GatedFactory<string?>();
        var slow = Cache(one).GetOrCreateAsync("key", (_, t) => gate.LoadAsync(t), new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1) }).AsTask();
        await gate.Started;
        var watch = Stopwatch.StartNew();
        var patient = Cache(two).GetOrCreateAsync("key", Value("v2"), policy).AsTask();
        var ended = await Task.WhenAny(patient, Task.Delay(3000)) == patient;
        gate.Answer("v2");
        await slow;
        await patient;

        Assert.True(ended, "the caller waited for the other node's load although a stale value is in memory");
    }

    [Fact]
    public async Task Nobody_waits_longer_than_the_hard_timeout_for_a_server_that_hangs()
    {
        var level = new HookedSecondLevel(new MemoryServer().Connect());
        var engine = Make(level, null, o => o.SecondLevelTimeout = TimeSpan.FromSeconds(3));
        var cache = Cache(engine);
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleIfError = TimeSpan.FromHours(1), SoftTimeout = TimeSpan.FromMilliseconds(100), HardTimeout = TimeSpan.FromMilliseconds(300) };
        await cache.GetOrCreateAsync("key", Value("v1"), policy);
        _clock.Advance(TimeSpan.FromMinutes(2));
        var gate = new GatedFactory<string?>();
        var watch = Stopwatch.StartNew();
        var caller = cache.GetOrCreateAsync("key", (_, t) => gate.LoadAsync(t), policy).AsTask();
        await gate.Started;
        level.Before = (_, _) => new TaskCompletionSource().Task;
        try { await caller.WaitAsync(Patience); } catch (TimeoutException) { }

        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(1.5), $"{watch.Elapsed}");
    }

    [Fact]
    public async Task A_hung_load_in_the_background_does_not_wedge_its_key()
    {
        var cache = Cache(Make());
        await cache.GetOrCreateAsync("key", Value("v1"), Early);
        _clock.Advance(TimeSpan.FromMinutes(9));
        var hung = new GatedFactory<string?>();
        await cache.GetOrCreateAsync<string?>("key", async (_, t) =>
        {
            hung.LoadAsync(t).AsTask();
            await Task.Delay(-1, t);
            return "never";
        }, Early);
        await hung.Started;
        _clock.Advance(TimeSpan.FromHours(2));
        var next = cache.GetOrCreateAsync("key", Value("v3"), Early).AsTask();
        Assert.True(await Task.WhenAny(next, Task.Delay(3000)) == next, "the key is wedged until the process ends");
    }

    [Fact]
    public async Task A_caller_is_not_given_a_stale_value_because_another_was_impatient()
    {
        var cache = Cache(Make());
        var patient = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleIfError = TimeSpan.FromHours(1) };
        var impatient = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleIfError = TimeSpan.FromHours(1), SoftTimeout = TimeSpan.FromMilliseconds(100) };
        await cache.GetOrCreateAsync("key", Value("v1"), patient);
        _clock.Advance(TimeSpan.FromMinutes(2));
        var gate = new GatedFactory<string?>();
        Assert.Equal("v1", await cache.GetOrCreateAsync("key", (_, t) => gate.LoadAsync(t), impatient));
        var caller = cache.GetOrCreateAsync("key", Value("v2"), patient).AsTask();
        await Task.Delay(100);
        gate.Answer("v2");

        Assert.Equal("v2", await caller.WaitAsync(Patience));
    }

    // ---------------------------------------------------------------- leaks and bounds

    [Fact]
    public async Task Loads_in_the_background_leave_nothing_with_the_engine()
    {
        var engine = Make();
        var cache = Cache(engine);
        for (var i = 0; i < 500; i++)
        {
            await cache.GetOrCreateAsync("key", Value("v1"), Early);
            _clock.Advance(TimeSpan.FromMinutes(9));
            await cache.GetOrCreateAsync("key", Value("v2"), Early);
            await Settle(engine);
        }

        var source = typeof(CacheEngine).GetField("_stopping", BindingFlags.NonPublic | BindingFlags.Instance)!.GetValue(engine)!;
        var registrations = typeof(CancellationTokenSource).GetField("_registrations", BindingFlags.NonPublic | BindingFlags.Instance)!.GetValue(source);
        var count = 0;
        if (registrations is not null)
        {
            var node = registrations.GetType().GetField("Callbacks")!.GetValue(registrations);
            while (node is not null)
            {
                count++;
                node = node.GetType().GetField("Next")!.GetValue(node);
            }
        }

        Assert.InRange(count, 0, 20);
    }

    [Fact]
    public async Task Loads_that_callers_no_longer_wait_for_are_bounded()
    {
        var engine = Make(configure: o => o.MaximumBackgroundLoads = 4);
        var cache = Cache(engine);
        var never = new TaskCompletionSource<string?>();
        var policy = new CacheEntryPolicy { HardTimeout = TimeSpan.FromMilliseconds(20) };
        await Task.WhenAll(Enumerable.Range(0, 200).Select(async i =>
        {
            try { await cache.GetOrCreateAsync($"{i}", (_, t) => new ValueTask<string?>(never.Task.WaitAsync(t)), policy); } catch (TimeoutException) { }
        }));

        await Poll.UntilAsync(() => engine.Flights.Count <= 4, "no more loads go on than may");
    }

    [Fact]
    public async Task A_claim_to_refresh_is_given_back_whatever_the_order()
    {
        var serializer = new BoxSerializer();
        var engine = Make(services: s => s.AddSingleton<IHybridCacheSerializer<Box>>(serializer));
        var cache = Cache(engine);
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleWhileRevalidate = TimeSpan.FromHours(10), StaleIfErrorThrottle = TimeSpan.FromSeconds(5) };
        await cache.GetOrCreateAsync<Box>("key", (_, _) => new(new Box { Text = "v1" }), policy);
        _clock.Advance(TimeSpan.FromMinutes(2));
        var (firstIn, firstOut, secondIn, secondOut) = new Four();
        var order = 0;
        serializer.Reading = () =>
        {
            switch (Interlocked.Increment(ref order))
            {
                case 1: firstIn.Set(); firstOut.Wait(Patience); break;
                case 2: secondIn.Set(); secondOut.Wait(Patience); break;
            }
        };
        Func<CacheEntryContext, CancellationToken, ValueTask<Box>> down = (_, _) => ValueTask.FromException<Box>(new IOException("down"));
        var first = Task.Run(() => cache.GetOrCreateAsync("key", down, policy).AsTask());
        firstIn.Wait(Patience);
        var second = Task.Run(() => cache.GetOrCreateAsync("key", down, policy).AsTask());
        secondIn.Wait(Patience);
        firstOut.Set();
        await first;
        await Settle(engine);
        secondOut.Set();
        await second;
        serializer.Reading = null;

        // The throttle is over, the source is back: the next reads refresh.
        _clock.Advance(TimeSpan.FromSeconds(20));
        await cache.GetOrCreateAsync<Box>("key", (_, _) => new(new Box { Text = "v2" }), policy);
        await Task.Delay(200);
        await Settle(engine);
        Assert.Equal("v2", (await cache.GetOrCreateAsync<Box>("key", (_, _) => new(new Box { Text = "v2" }), policy)).Text);
    }

    private sealed class Four : IDisposable
    {
        private readonly ManualResetEventSlim[] _events = [new(), new(), new(), new()];
        public void Deconstruct(out ManualResetEventSlim a, out ManualResetEventSlim b, out ManualResetEventSlim c, out ManualResetEventSlim d) => (a, b, c, d) = (_events[0], _events[1], _events[2], _events[3]);
        public void Dispose() { }
    }

    [Fact]
    public async Task One_policy_for_two_namespaces_allocates_nothing_on_hits()
    {
        var engine = Make(configure: o =>
        {
            o.Namespaces["a"] = new NamespaceOptions { Jitter = 0.1 };
            o.Namespaces["b"] = new NamespaceOptions { Jitter = 0.2 };
        });
        var a = new ScopedHybridCache(engine, CacheScope.Shared("a"));
        var b = new ScopedHybridCache(engine, CacheScope.Shared("b"));
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(5), StaleIfError = TimeSpan.FromMinutes(5) };
        Func<CacheEntryContext, CancellationToken, ValueTask<string?>> factory = Value("v");
        for (var i = 0; i < 1000; i++)
        {
            _ = await a.GetOrCreateAsync("key", factory, policy);
            _ = await b.GetOrCreateAsync("key", factory, policy);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            _ = a.GetOrCreateAsync("key", factory, policy).Result;
            _ = b.GetOrCreateAsync("key", factory, policy).Result;
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1000);
    }

    [Fact]
    public async Task A_caller_that_keeps_out_of_memory_leaves_nothing_there_when_a_stale_value_stands_in()
    {
        var store = new TestDistributedCache(_clock);
        var engine = Plain(store);
        var cache = Cache(engine);
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleIfError = TimeSpan.FromHours(1), Flags = HybridCacheEntryFlags.DisableLocalCache };
        await cache.GetOrCreateAsync("key", Value("v1"), policy);
        Assert.Equal(0, engine.Memory.Count);
        _clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal("v1", await cache.GetOrCreateAsync("key", Down, policy));

        Assert.Equal(0, engine.Memory.Count);
    }

    [Fact]
    public async Task An_entry_found_by_a_refresh_is_not_left_claimed()
    {
        var store = new TestDistributedCache(_clock);
        var one = Plain(store, o => o.StampAge = TimeSpan.FromHours(20));
        var two = Plain(store, o => o.StampAge = TimeSpan.FromHours(20));
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleWhileRevalidate = TimeSpan.FromHours(8), StaleIfError = TimeSpan.FromHours(8), StaleIfErrorThrottle = TimeSpan.FromSeconds(5) };
        await Cache(one).GetOrCreateAsync("key", Value("v1"), policy);
        _clock.Advance(TimeSpan.FromSeconds(1));

        // Another node's entry takes the place at the second level; node one still has its own.
        await Cache(two).GetOrCreateAsync("key", Value("v2"), new CacheEntryPolicy
        {
            Expiration = TimeSpan.FromMinutes(1), StaleWhileRevalidate = TimeSpan.FromHours(8), StaleIfError = TimeSpan.FromHours(8),
            Flags = HybridCacheEntryFlags.DisableDistributedCacheRead | HybridCacheEntryFlags.DisableLocalCacheRead,
        });
        _clock.Advance(TimeSpan.FromMinutes(2));

        // Due: the refresh finds the other one at the second level, memory lets go of its own, and the factory fails.
        var gate = new GatedFactory<string?>();
        Assert.Equal("v1", await Cache(one).GetOrCreateAsync("key", (_, t) => gate.LoadAsync(t), policy));
        await gate.Started;
        one.Memory.Remove(Scope(one), "key", EntryDeparture.Evicted);
        gate.Fail(new IOException("down"));
        await Settle(one);
        _clock.Advance(TimeSpan.FromMinutes(1));
        for (var i = 0; i < 5; i++)
        {
            await Cache(one).GetOrCreateAsync("key", Value("v3"), policy);
            await Task.Delay(50);
            await Settle(one);
            _clock.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.Equal("v3", await Cache(one).GetOrCreateAsync("key", Value("v3"), policy));
    }

    // ---------------------------------------------------------------- windows

    private sealed class Touches(SecondLevel inner) : SecondLevelDecorator(inner)
    {
        public List<TimeSpan> Left { get; } = [];
        public override Task TouchAsync(string key, long id, TimeSpan left, TimeSpan sliding, CancellationToken cancellationToken)
        {
            lock (Left) { Left.Add(new StoreTerms(left, left, default, sliding).Life); }
            return base.TouchAsync(key, id, left, sliding, cancellationToken);
        }
    }

    [Fact]
    public async Task A_read_of_a_stale_entry_does_not_end_it_at_the_second_level()
    {
        var server = new MemoryServer();
        var touches = new Touches(server.Connect());
        var engine = Make(touches, null, o => o.StampAge = TimeSpan.FromHours(1));
        var cache = Cache(engine);
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(10), SlidingExpiration = TimeSpan.FromMinutes(8), StaleWhileRevalidate = TimeSpan.FromHours(1) };
        await cache.GetOrCreateAsync("key", Value("v1"), policy);
        _clock.Advance(TimeSpan.FromMinutes(5));
        await cache.GetOrCreateAsync("key", Value("v1"), policy);
        _clock.Advance(TimeSpan.FromMinutes(6));
        await cache.GetOrCreateAsync("key", Down, policy);
        await Settle(engine);
        _clock.Advance(TimeSpan.FromSeconds(2));
        await cache.GetOrCreateAsync("key", Down, policy);
        await Task.Delay(100);

        // RedisSecondLevel makes one millisecond of what is not positive.
        Assert.All(touches.Left, left => Assert.True(left > TimeSpan.Zero, $"PEXPIRE {left}"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task The_longest_expiration_goes_with_a_sliding_one(int variant)
    {
        var server = new MemoryServer();
        var policy = variant == 0
            ? new CacheEntryPolicy { Expiration = TimeSpan.MaxValue, SlidingExpiration = TimeSpan.FromMinutes(1) }
            : new CacheEntryPolicy { Expiration = TimeSpan.MaxValue, SlidingExpiration = TimeSpan.MaxValue - TimeSpan.FromDays(1) };
        var one = Make(server.Connect());
        var two = Make(server.Connect());
        await Cache(one).GetOrCreateAsync("key", Value("v1"), policy);
        Assert.Equal("v1", await Cache(two).GetOrCreateAsync("key", Value("unused"), policy));
    }

    [Fact]
    public async Task Whatever_the_second_level_says_no_request_fails()
    {
        var store = new TestDistributedCache(_clock);
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(10), SlidingExpiration = TimeSpan.FromMinutes(8) };
        await Cache(Plain(store)).GetOrCreateAsync("key", Value("v1"), policy);
        var name = store.Keys.Single(k => EntryPayload.MaySlide(store[k]));
        var bytes = store[name]!;
        foreach (var (offset, value) in new[] { (EntryPayload.HeaderLength + 16, long.MaxValue), (EntryPayload.HeaderLength, long.MaxValue), (EntryPayload.HeaderLength + 8, long.MaxValue), (40, long.MaxValue) })
        {
            var hostile = bytes.ToArray();
            BinaryPrimitives.WriteInt64LittleEndian(hostile.AsSpan(offset), value);
            var headerLength = EntryPayload.HeaderLength + 26 + 4;
            EntryPayload.Seal(hostile, headerLength);
            store[name] = hostile;
            string? got = null;
            var failure = await Record.ExceptionAsync(async () => got = await Cache(Plain(store)).GetOrCreateAsync("key", Value("v2"), policy));
            Assert.True(failure is null, $"{offset} {value}: {failure}");
        }
    }

    [Fact]
    public async Task What_fell_asleep_long_ago_does_not_stand_in()
    {
        var cache = Cache(Make());
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromHours(24), SlidingExpiration = TimeSpan.FromSeconds(10), StaleIfError = TimeSpan.FromSeconds(5) };
        await cache.GetOrCreateAsync("key", Value("v1"), policy);
        _clock.Advance(TimeSpan.FromSeconds(50));

        await Assert.ThrowsAsync<IOException>(() => cache.GetOrCreateAsync("key", Down, policy).AsTask());
    }

    [Fact]
    public async Task In_memory_alone_an_invalidated_value_may_stand_in_for_all_its_time()
    {
        var time = new FakeTimeProvider();
        var engine = Make(time: time);
        var cache = Cache(engine);
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(30), StaleIfError = TimeSpan.FromHours(10), StaleIfErrorServes = StaleValues.Invalidated };
        await cache.GetOrCreateAsync("key", Value("v1"), policy, ["tag"]);
        await cache.RemoveByTagAsync("tag");
        await time.WaitForTimersAsync();
        time.Advance(TimeSpan.FromMinutes(1));
        await Task.Delay(100);
        time.Advance(TimeSpan.FromMinutes(1));
        await Task.Delay(100);

        Assert.Equal("v1", await cache.GetOrCreateAsync("key", Down, policy, ["tag"]));
    }

    [Fact]
    public async Task Without_StaleIfError_nothing_invalidated_stands_in()
    {
        var cache = Cache(Make());
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(30), EarlyRefreshThreshold = 0.8, StaleIfErrorServes = StaleValues.Invalidated };
        await cache.GetOrCreateAsync("key", Value("v1"), policy, ["tag"]);
        await cache.RemoveByTagAsync("tag");

        await Assert.ThrowsAsync<IOException>(() => cache.GetOrCreateAsync("key", Down, policy, ["tag"]).AsTask());
    }

    [Fact]
    public async Task A_nodes_own_copy_ends_at_its_local_expiration_while_revalidated_too()
    {
        var server = new MemoryServer();
        var (one, two) = (Make(server.Connect(), null, o => o.StampAge = TimeSpan.FromHours(10)), Make(server.Connect(), null, o => o.StampAge = TimeSpan.FromHours(10)));
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(10), LocalCacheExpiration = TimeSpan.FromMinutes(1), StaleWhileRevalidate = TimeSpan.FromHours(1), EarlyRefreshThreshold = 0.5 };
        await Cache(one).GetOrCreateAsync("key", Value("v1"), policy);
        _clock.Advance(TimeSpan.FromMinutes(9));
        await Cache(two).GetOrCreateAsync("key", Value("v2"), policy);
        await Settle(two);
        Assert.Equal("v2", await Cache(two).GetOrCreateAsync("key", Value("v3"), policy));
        _clock.Advance(TimeSpan.FromMinutes(2));

        // The second level holds v2, fresh; this node's copy of v1 ended ten minutes ago.
        Assert.Equal("v2", await Cache(one).GetOrCreateAsync("key", Value("v3"), policy));
    }

    [Fact]
    public async Task Huge_spans_everywhere()
    {
        foreach (var kind in new[] { 0, 1, 2 })
        {
            foreach (var policy in new[]
            {
                new CacheEntryPolicy { Expiration = TimeSpan.MaxValue, StaleIfError = TimeSpan.MaxValue, StaleWhileRevalidate = TimeSpan.MaxValue, EarlyRefreshBefore = TimeSpan.MaxValue, StaleIfErrorThrottle = TimeSpan.MaxValue },
                new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleIfError = TimeSpan.MaxValue, StaleIfErrorThrottle = TimeSpan.MaxValue },
                new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleWhileRevalidate = TimeSpan.MaxValue },
                new CacheEntryPolicy { Expiration = TimeSpan.MaxValue, StaleWhileRevalidate = TimeSpan.MaxValue, Jitter = 0.5 },
                new CacheEntryPolicy { Expiration = TimeSpan.MaxValue, SlidingExpiration = TimeSpan.MaxValue },
            })
            {
                var engine = kind switch
                {
                    0 => Make(),
                    1 => Plain(new TestDistributedCache(_clock)),
                    _ => Make(new MemoryServer().Connect()),
                };
                var cache = Cache(engine);
                Assert.Equal("v1", await cache.GetOrCreateAsync("key", Value("v1"), policy));
                _clock.Advance(TimeSpan.FromMinutes(2));
                var later = await cache.GetOrCreateAsync("key", Value("v2"), policy);
                Assert.True(later is "v1" or "v2");
                await Settle(engine);
            }
        }
    }

    [Fact]
    public async Task Nothing_goes_unobserved()
    {
        var unobserved = new List<Exception>();
        EventHandler<UnobservedTaskExceptionEventArgs> handler = (_, e) => { if (e.Exception.ToString().Contains("down-39")) lock (unobserved) { unobserved.Add(e.Exception); } };
        TaskScheduler.UnobservedTaskException += handler;
        try
        {
            var engine = Make(time: TimeProvider.System);
            var cache = Cache(engine);
            var random = new Random(1);
            await Task.WhenAll(Enumerable.Range(0, 3000).Select(async i =>
            {
                using var cancel = new CancellationTokenSource(random.Next(1, 30));
                var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMilliseconds(20), StaleIfError = TimeSpan.FromMilliseconds(50), EarlyRefreshThreshold = 0.5, StaleIfErrorThrottle = TimeSpan.FromMilliseconds(1), SoftTimeout = TimeSpan.FromMilliseconds(5), HardTimeout = TimeSpan.FromMilliseconds(12) };
                try
                {
                    await Task.Yield();
                    await cache.GetOrCreateAsync<string?>($"{i % 50}", async (_, t) => { await Task.Delay(Random.Shared.Next(25)); throw new IOException("down-39"); }, policy, cancellationToken: i % 3 == 0 ? default : cancel.Token);
                }
                catch (Exception) { }
            }));
            await Task.Delay(300);
            for (var i = 0; i < 3; i++) { GC.Collect(); GC.WaitForPendingFinalizers(); }
            Assert.Equal(0, engine.Flights.Count);
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= handler;
        }

        Assert.Empty(unobserved);
    }

    // ---------------------------------------------------------------- second round

    [Fact]
    public async Task Who_joins_after_an_invalidation_does_not_get_the_value_that_stands_in()
    {
        var serializer = new BoxSerializer();
        var cache = Cache(Make(services: s => s.AddSingleton<IHybridCacheSerializer<Box>>(serializer)));
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleIfError = TimeSpan.FromHours(1) };

        // The tag is the factory's to name, so no caller says it.
        Func<string, Func<CacheEntryContext, CancellationToken, ValueTask<Box>>> load = text => (c, _) => { c.Tags.Add("tag"); return new(new Box { Text = text }); };
        await cache.GetOrCreateAsync("key", load("v1"), policy);
        _clock.Advance(TimeSpan.FromMinutes(2));
        var (reading, goOn) = (new ManualResetEventSlim(), new ManualResetEventSlim());
        var reads = 0;
        serializer.Reading = () => { if (Interlocked.Increment(ref reads) == 1) { reading.Set(); goOn.Wait(Patience); } };
        var leader = Task.Run(() => cache.GetOrCreateAsync<Box>("key", (_, _) => ValueTask.FromException<Box>(new IOException("down")), policy).AsTask());
        reading.Wait(Patience);
        await cache.RemoveByTagAsync("tag");

        // Invalidated and acknowledged; only now the second caller comes, and the source is well.
        var late = cache.GetOrCreateAsync("key", load("v2"), policy).AsTask();
        goOn.Set();
        await leader;

        Assert.Equal("v2", (await late.WaitAsync(Patience)).Text);
    }

    [Fact]
    public async Task A_hard_timeout_counts_once_for_a_caller_whose_load_is_overtaken()
    {
        var cache = Cache(Make(time: TimeProvider.System));
        var policy = new CacheEntryPolicy { HardTimeout = TimeSpan.FromMilliseconds(600) };
        var gate = new GatedFactory<string?>();
        var leader = cache.GetOrCreateAsync("key", async (c, t) => { c.Tags.Add("late"); return await gate.LoadAsync(t); }).AsTask();
        await gate.Started;
        var watch = Stopwatch.StartNew();
        var never = new TaskCompletionSource<string?>();
        var joiner = cache.GetOrCreateAsync("key", (_, _) => new ValueTask<string?>(never.Task), policy).AsTask();
        await Task.Delay(500);
        await cache.RemoveByTagAsync("late");
        gate.Answer("v1");
        await Assert.ThrowsAsync<TimeoutException>(() => joiner.WaitAsync(Patience));

        Assert.True(watch.ElapsedMilliseconds < 900, $"{watch.Elapsed}");
    }

    private sealed class Unshareable { public Unshareable Self => throw new InvalidOperationException(); }

    [Fact]
    public async Task A_hard_timeout_holds_for_who_joined_a_load_whose_value_cannot_be_shared()
    {
        var cache = Cache(Make(time: TimeProvider.System));
        var policy = new CacheEntryPolicy { HardTimeout = TimeSpan.FromMilliseconds(300) };
        var gate = new GatedFactory<Unshareable>();
        var leader = cache.GetOrCreateAsync("key", (_, t) => gate.LoadAsync(t)).AsTask();
        await gate.Started;
        var never = new TaskCompletionSource<Unshareable>();
        var joiner = cache.GetOrCreateAsync("key", (_, _) => new ValueTask<Unshareable>(never.Task), policy).AsTask();
        gate.Answer(new Unshareable());
        await leader;
        var ended = await Task.WhenAny(joiner, Task.Delay(2000)) == joiner;
        never.SetResult(new Unshareable());

        Assert.True(ended, "the caller waits without end");
    }

    [Fact]
    public async Task What_goes_on_after_a_timeout_is_told_when_the_cache_is_disposed_of()
    {
        var engine = Make(time: TimeProvider.System);
        var cache = Cache(engine);
        CancellationToken seen = default;
        var never = new TaskCompletionSource<string?>();
        await Assert.ThrowsAsync<TimeoutException>(() => cache.GetOrCreateAsync<string?>("key", (_, t) => { seen = t; return new(never.Task); }, new CacheEntryPolicy { HardTimeout = TimeSpan.FromMilliseconds(50) }).AsTask());
        await engine.DisposeAsync();

        await Task.Delay(100);
        Assert.True(seen.IsCancellationRequested);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_hit_on_a_sliding_entry_allocates_nothing(bool span)
    {
        var engine = Make(time: TimeProvider.System);
        var scope = Scope(engine);
        var options = new HybridCacheEntryOptions { Expiration = TimeSpan.FromHours(1) };
        var sliding = new CacheEntryPolicy { Expiration = TimeSpan.FromHours(1), SlidingExpiration = TimeSpan.FromMinutes(10) };
        await Cache(engine).GetOrCreateAsync("a key that is read often", Value("v"), sliding);
        Func<int, CancellationToken, ValueTask<string?>> factory = static (_, _) => new("v");
        for (var i = 0; i < 1000; i++) Read();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++) Read();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1000);

        void Read() => _ = engine.GetOrCreateAsync(scope, "a key that is read often", span ? null : "a key that is read often", 1, factory, options, null, default).Result;
    }

    [Fact]
    public async Task A_call_is_not_stopped_by_a_policy_object_used_from_many_threads()
    {
        var engine = Make(configure: o => o.Namespaces["a"] = new NamespaceOptions { Jitter = 0.1 });
        var caches = new HybridCache[] { new ScopedHybridCache(engine, CacheScope.Shared("a")), new ScopedHybridCache(engine, CacheScope.Shared("b")) };
        var policy = new CacheEntryPolicy { StaleIfError = TimeSpan.FromMinutes(5) };
        await Task.WhenAll(Enumerable.Range(0, 4).Select(i => Task.Run(async () =>
        {
            for (var n = 0; n < 20000; n++) await caches[(n + i) % 2].GetOrCreateAsync("key", Value("v"), policy);
        })));
    }

    [Fact]
    public async Task Disposal_does_not_wait_for_loads_in_the_background_and_they_end_quietly()
    {
        var engine = Make();
        var cache = Cache(engine);
        await cache.GetOrCreateAsync("key", Value("v1"), Early);
        _clock.Advance(TimeSpan.FromMinutes(9));
        var gate = new GatedFactory<string?>();
        await cache.GetOrCreateAsync("key", (_, t) => gate.LoadAsync(t), Early);
        await gate.Started;
        await engine.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(5));
        Assert.True(gate.Token.IsCancellationRequested);
        gate.Answer("v2");
        await Settle(engine);
        Assert.Equal(0, engine.Flights.Count);
        _clock.Advance(TimeSpan.FromMinutes(9));
        Assert.NotNull(await cache.GetOrCreateAsync("key", Value("v3"), Early));
    }

    [Fact]
    public async Task A_local_copy_shorter_than_the_entry_is_refreshed_and_hits_stay_plain()
    {
        var server = new MemoryServer();
        var level = new HookedSecondLevel(server.Connect());
        var engine = Make(level, null, o => o.StampAge = TimeSpan.FromHours(20));
        var cache = Cache(engine);
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(10), LocalCacheExpiration = TimeSpan.FromMinutes(1), StaleWhileRevalidate = TimeSpan.FromHours(1), EarlyRefreshThreshold = 0.9 };
        await cache.GetOrCreateAsync("key", Value("v1"), policy);
        _clock.Advance(TimeSpan.FromMinutes(11));
        await cache.GetOrCreateAsync("key", Down, policy);
        await Settle(engine);
        engine.Memory.TryGet(Scope(engine), "key", out var entry);
        await cache.GetOrCreateAsync("key", Down, policy);
        Assert.True(entry!.ServeUntil > engine.Clock.Now, $"every hit takes the slow path: {entry.ServeUntil} at {engine.Clock.Now}");
    }

    [Fact]
    public async Task A_refresh_that_a_hit_from_before_a_removal_starts_after_it_brings_nothing_back()
    {
        var serializer = new BoxSerializer();
        var engine = Make(services: s => s.AddSingleton<IHybridCacheSerializer<Box>>(serializer));
        var cache = Cache(engine);
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(10), EarlyRefreshThreshold = 0.8 };
        await cache.GetOrCreateAsync<Box>("key", (_, _) => new(new Box { Text = "v1" }), policy);
        _clock.Advance(TimeSpan.FromMinutes(9));
        var (reading, goOn) = (new ManualResetEventSlim(), new ManualResetEventSlim());
        var reads = 0;
        serializer.Reading = () => { if (Interlocked.Increment(ref reads) == 1) { reading.Set(); goOn.Wait(Patience); } };
        var gate = new GatedFactory<Box>();
        var hit = Task.Run(() => cache.GetOrCreateAsync<Box>("key", (_, t) => gate.LoadAsync(t), policy).AsTask());
        reading.Wait(Patience);
        await cache.RemoveAsync("key");
        goOn.Set();
        await hit;
        await Settle(engine);

        Assert.Equal(0, gate.Calls);
        Assert.Equal("v2", (await cache.GetOrCreateAsync<Box>("key", (_, _) => new(new Box { Text = "v2" }), policy)).Text);
    }

    [Theory]
    [InlineData("leases")]
    [InlineData("foreign")]
    public async Task The_same_when_the_entry_was_found_at_the_second_level(string kind)
    {
        var (server, foreign) = (new MemoryServer(), new ForeignHybridCache(_clock));
        HookedSecondLevel? level = null;
        var engine = kind == "leases"
            ? Make(level = new HookedSecondLevel(server.Connect()), null, o => o.StampAge = TimeSpan.FromHours(20))
            : Make(level = new HookedSecondLevel(new ForeignSecondLevel(foreign, null, null, TimeSpan.MaxValue, new EngineClock(_clock))), null, o => o.StampAge = TimeSpan.FromHours(20));
        var cache = Cache(engine);
        await cache.GetOrCreateAsync("key", Value("v1"), Early);
        engine.Memory.Remove(Scope(engine), "key", EntryDeparture.Evicted);
        _clock.Advance(TimeSpan.FromMinutes(9));
        var (reached, open) = (new TaskCompletionSource(), new TaskCompletionSource());
        level.After = (call, _) => { if (call != LevelCall.Get) return Task.CompletedTask; reached.TrySetResult(); return open.Task; };
        var before = cache.GetOrCreateAsync("key", Down, Early).AsTask();
        await reached.Task.WaitAsync(Patience);
        await cache.RemoveAsync("key");
        open.SetResult();
        Assert.Equal("v1", await before);
        await Task.Delay(100);
        await Settle(engine);

        // Removed and acknowledged long ago.
        Assert.Equal("v2", await cache.GetOrCreateAsync("key", Value("v2"), Early));
    }
}
