using Larder.Consistency.Levels;
using Larder.Engine;
using Larder.Tests.Engine;
using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests.Policies;

/// <summary>How long a caller waits, whatever it waits for. Where time is measured, it is the test's.</summary>
public sealed class TimeoutEdgeTests : PolicyEdge
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task A_soft_timeout_holds_while_another_node_loads()
    {
        var (server, bus) = (new MemoryServer { LeaseDuration = TimeSpan.FromMinutes(5) }, new MemoryBus());
        var one = Start(server.Connect(), bus, WithQuickHeartbeats);
        var two = Start(server.Connect(), bus, WithQuickHeartbeats);
        await TrustAsync(one, two);
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleIfError = TimeSpan.FromHours(1), SoftTimeout = TimeSpan.FromMilliseconds(50) };
        await Cache(one).GetOrCreateAsync("key", Value("old"), policy);
        Assert.Equal("old", await Cache(two).GetOrCreateAsync("key", Value("unused"), policy));
        Clock.Advance(TimeSpan.FromMinutes(2));
        await TrustAsync(one, two);
        var gate = new GatedFactory<string?>();
        var slow = Cache(one).GetOrCreateAsync("key", (_, token) => gate.LoadAsync(token), new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1) }).AsTask();
        await gate.Started;

        Assert.Equal("old", await Cache(two).GetOrCreateAsync("key", Value("unused"), policy).AsTask().WaitAsync(Patience));
        gate.Answer("new");
        Assert.Equal("new", await slow);

        static void WithQuickHeartbeats(LarderOptions options)
        {
            options.BackplaneTimeout = TimeSpan.FromSeconds(1);
            options.LeaseDuration = TimeSpan.FromMinutes(5);
        }
    }

    [Fact]
    public async Task Nobody_waits_longer_than_the_hard_timeout_for_a_server_that_hangs()
    {
        var level = new HookedSecondLevel(new MemoryServer().Connect());
        var cache = Cache(Start(level, time: _time));
        var policy = new CacheEntryPolicy
        {
            Expiration = TimeSpan.FromMinutes(1),
            StaleIfError = TimeSpan.FromHours(1),
            SoftTimeout = TimeSpan.FromMilliseconds(100),
            HardTimeout = TimeSpan.FromMilliseconds(300),
        };
        await cache.GetOrCreateAsync("key", Value("old"), policy);
        _time.Advance(TimeSpan.FromMinutes(2));
        var gate = new GatedFactory<string?>();
        var caller = cache.GetOrCreateAsync("key", (_, token) => gate.LoadAsync(token), policy).AsTask();
        await gate.Started;
        var answer = new TaskCompletionSource();
        level.Before = (_, _) => answer.Task;

        // The server's own timeout is far off. First the caller asks it whether the stale value may stand in; then there are five timers: three of the engine's own,
        // that of the question, and the caller's for the rest of its time, which is not to be set while the clock moves.
        _time.Advance(policy.SoftTimeout.Value);
        await _time.WaitForTimersAsync(5);
        _time.Advance(policy.HardTimeout.Value - policy.SoftTimeout.Value);
        await EndAsync(caller);
        await Assert.ThrowsAsync<TimeoutException>(() => caller);
        answer.SetResult();
        gate.Answer("new");
    }

    [Fact]
    public async Task A_hard_timeout_counts_once_for_a_caller_whose_load_is_overtaken()
    {
        var cache = Cache(InMemory(time: _time));
        var (gate, own) = (new GatedFactory<string?>(), new GatedFactory<string?>());
        var leader = cache.GetOrCreateAsync("key", (entry, token) =>
        {
            entry.Tags.Add("late");
            return gate.LoadAsync(token);
        }).AsTask();
        await gate.Started;
        var joiner = cache.GetOrCreateAsync("key", (_, token) => own.LoadAsync(token), new CacheEntryPolicy { HardTimeout = TimeSpan.FromMilliseconds(600) }).AsTask();

        // In the middle of its time it looks for what could stand in, and then waits for the rest: a timer that is set while the clock moves could be due too late.
        _time.Advance(TimeSpan.FromMilliseconds(300));
        await WatchingAsync();
        _time.Advance(TimeSpan.FromMilliseconds(200));
        var before = await WatchingAsync();
        await cache.RemoveByTagAsync("late");
        gate.Answer("old");
        await leader;
        await WaitingForAsync(own, before);
        Assert.False(joiner.IsCompleted);

        _time.Advance(TimeSpan.FromMilliseconds(100));
        await EndAsync(joiner);
        await Assert.ThrowsAsync<TimeoutException>(() => joiner);
        own.Answer("unused");
    }

    [Fact]
    public async Task A_hard_timeout_holds_for_who_joined_a_load_whose_value_cannot_be_shared()
    {
        await using var engine = TestEngine.InMemory(time: _time, register: services => services.AddUnwritable());
        var cache = Cache(engine);
        var (gate, own) = (new GatedFactory<Unwritable>(), new GatedFactory<Unwritable>());
        var leader = cache.GetOrCreateAsync("key", (_, token) => gate.LoadAsync(token)).AsTask();
        await gate.Started;
        var joiner = cache.GetOrCreateAsync("key", (_, token) => own.LoadAsync(token), new CacheEntryPolicy { HardTimeout = TimeSpan.FromMilliseconds(300) }).AsTask();
        var before = await WatchingAsync();
        gate.Answer(new Unwritable());
        await leader;
        await WaitingForAsync(own, before);
        Assert.False(joiner.IsCompleted);

        _time.Advance(TimeSpan.FromMilliseconds(300));
        await EndAsync(joiner);
        await Assert.ThrowsAsync<TimeoutException>(() => joiner);
        own.Answer(new Unwritable());
    }

    [Fact]
    public async Task What_goes_on_after_a_timeout_is_told_when_the_cache_is_disposed_of()
    {
        var engine = InMemory();
        var gate = new GatedFactory<string?>();
        await Assert.ThrowsAsync<TimeoutException>(async () =>
            await Cache(engine).GetOrCreateAsync("key", (_, token) => gate.LoadAsync(token), new CacheEntryPolicy { HardTimeout = TimeSpan.FromMilliseconds(20) }));
        await gate.Started;
        Assert.False(gate.Token.IsCancellationRequested);
        await engine.DisposeAsync();

        await Poll.UntilAsync(() => gate.Token.IsCancellationRequested, "the load is told");
        gate.Answer("unused");
    }

    /// <summary>The caller waits for another's load and watches the clock; the other timer is the engine's. Says how many there have been.</summary>
    private async Task<int> WatchingAsync()
    {
        await _time.WaitForTimersAsync(2);
        return _time.CreatedTimers;
    }

    /// <summary>The caller runs its own factory and watches the clock by another timer, which may come after the factory's start, and before the end of the timer by which it waited.</summary>
    private async Task WaitingForAsync<T>(GatedFactory<T> factory, int timersBefore)
    {
        await factory.Started;
        await Poll.UntilAsync(() => _time.CreatedTimers > timersBefore, "the caller watches the clock again");
    }
}
