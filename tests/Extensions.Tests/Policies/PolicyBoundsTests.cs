using System.Collections.Concurrent;
using Larder.Consistency.Levels;
using Larder.Hybrid;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests.Policies;

/// <summary>What the policies cost and leave behind, and that any length of time is one.</summary>
public sealed class PolicyBoundsTests : PolicyEdge
{
    private static readonly CacheEntryPolicy[] LongPolicies =
    [
        new()
        {
            Expiration = TimeSpan.MaxValue,
            StaleIfError = TimeSpan.MaxValue,
            StaleWhileRevalidate = TimeSpan.MaxValue,
            EarlyRefreshBefore = TimeSpan.MaxValue,
            StaleIfErrorThrottle = TimeSpan.MaxValue,
        },
        new() { Expiration = TimeSpan.FromMinutes(1), StaleIfError = TimeSpan.MaxValue, StaleIfErrorThrottle = TimeSpan.MaxValue },
        new() { Expiration = TimeSpan.FromMinutes(1), StaleWhileRevalidate = TimeSpan.MaxValue },
        new() { Expiration = TimeSpan.MaxValue, StaleWhileRevalidate = TimeSpan.MaxValue, Jitter = 0.5 },
        new() { Expiration = TimeSpan.MaxValue, SlidingExpiration = TimeSpan.MaxValue },
    ];

    [Fact]
    public async Task Loads_in_the_background_leave_nothing_with_the_engine()
    {
        var engine = InMemory();
        var cache = Cache(engine);
        var tokens = new List<CancellationToken>();
        for (var i = 0; i < 20; i++)
        {
            await cache.GetOrCreateAsync("key", Value("old"), Early);
            Clock.Advance(TimeSpan.FromMinutes(9));
            await cache.GetOrCreateAsync("key", (_, token) =>
            {
                tokens.Add(token);
                return new ValueTask<string?>("new");
            }, Early);
            await SettleAsync(engine);
        }

        // What watches the engine's end has been given back.
        Assert.Equal(20, tokens.Count);
        Assert.All(tokens, token => Assert.Throws<ObjectDisposedException>(() => token.WaitHandle));
    }

    [Fact]
    public async Task Loads_that_callers_no_longer_wait_for_are_bounded()
    {
        var engine = InMemory(options => options.MaximumBackgroundLoads = 4);
        var cache = Cache(engine);
        var never = new TaskCompletionSource<string?>();
        var policy = new CacheEntryPolicy { HardTimeout = TimeSpan.FromMilliseconds(20) };
        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Assert.ThrowsAsync<TimeoutException>(async () =>
            await cache.GetOrCreateAsync($"{i}", (_, token) => new ValueTask<string?>(never.Task.WaitAsync(token)), policy))));

        await Poll.UntilAsync(() => engine.Flights.Count == 4, "the others have been ended");
        Assert.Equal(4, engine.RefreshCount);
    }

    [Fact]
    public async Task Disposal_does_not_wait_for_loads_in_the_background_and_they_end_quietly()
    {
        var engine = InMemory();
        var cache = Cache(engine);
        await cache.GetOrCreateAsync("key", Value("old"), Early);
        Clock.Advance(TimeSpan.FromMinutes(9));
        var refresh = new GatedFactory<string?>();
        await cache.GetOrCreateAsync("key", (_, token) => refresh.LoadAsync(token), Early);
        await refresh.Started;
        await engine.DisposeAsync().AsTask().WaitAsync(Patience);
        Assert.True(refresh.Token.IsCancellationRequested);
        refresh.Answer("new");
        await SettleAsync(engine);

        // Nothing is started any more, and who still asks is answered.
        Assert.Equal(0, engine.Flights.Count);
        Clock.Advance(TimeSpan.FromMinutes(9));
        Assert.NotNull(await cache.GetOrCreateAsync("key", Value("newer"), Early));
        Assert.Equal((0, 0), (engine.RefreshCount, engine.Flights.Count));
    }

    [Fact]
    public async Task One_policy_for_two_namespaces_allocates_nothing_on_hits()
    {
        var engine = InMemory(options =>
        {
            options.Namespaces["a"] = new NamespaceOptions { Jitter = 0.1 };
            options.Namespaces["b"] = new NamespaceOptions { Jitter = 0.2 };
        });
        var caches = new[] { new ScopedHybridCache(engine, CacheScope.Shared("a")), new ScopedHybridCache(engine, CacheScope.Shared("b")) };
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(5), StaleIfError = TimeSpan.FromMinutes(5) };
        var factory = Value("value");
        await caches[0].GetOrCreateAsync("key", factory, policy);
        await caches[1].GetOrCreateAsync("key", factory, policy);
        Assert.InRange(Allocated.AtLeast(Read, allowed: 1_000), 0, 1_000);

        void Read()
        {
            for (var i = 0; i < 1_000; i++)
            {
                Assert.True(caches[0].GetOrCreateAsync("key", factory, policy).IsCompletedSuccessfully);
                Assert.True(caches[1].GetOrCreateAsync("key", factory, policy).IsCompletedSuccessfully);
            }
        }
    }

    [Fact]
    public async Task One_policy_serves_many_threads_and_namespaces_at_once()
    {
        var engine = InMemory(options => options.Namespaces["a"] = new NamespaceOptions { Jitter = 0.1 });
        var caches = new HybridCache[] { new ScopedHybridCache(engine, CacheScope.Shared("a")), new ScopedHybridCache(engine, CacheScope.Shared("b")) };
        var policy = new CacheEntryPolicy { StaleIfError = TimeSpan.FromMinutes(5) };
        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(async () =>
        {
            for (var i = 0; i < 20_000; i++)
            {
                Assert.Equal("value", await caches[(thread + i) % 2].GetOrCreateAsync("key", Value("value"), policy));
            }
        })));
    }

    [Theory]
    [InlineData("memory")]
    [InlineData("plain")]
    [InlineData("leases")]
    public async Task Any_length_of_time_is_one(string kind)
    {
        foreach (var policy in LongPolicies)
        {
            var engine = kind switch
            {
                "memory" => InMemory(),
                "plain" => Plain(new TestDistributedCache(Clock)),
                _ => Start(new MemoryServer().Connect()),
            };
            var cache = Cache(engine);
            Assert.Equal("old", await cache.GetOrCreateAsync("key", Value("old"), policy));
            Clock.Advance(TimeSpan.FromMinutes(2));
            Assert.Contains(await cache.GetOrCreateAsync("key", Value("new"), policy), new[] { "old", "new" });
            await SettleAsync(engine);
        }
    }

    [Fact]
    public async Task No_failure_goes_unobserved()
    {
        const string Mark = "a failure of this test alone";
        var unobserved = new ConcurrentQueue<Exception>();
        EventHandler<UnobservedTaskExceptionEventArgs> handler = (_, failed) =>
        {
            if (failed.Exception.ToString().Contains(Mark, StringComparison.Ordinal))
            {
                unobserved.Enqueue(failed.Exception);
            }
        };
        TaskScheduler.UnobservedTaskException += handler;
        try
        {
            var engine = InMemory(time: TimeProvider.System);
            await FailOftenAsync(Cache(engine), Mark);
            await Poll.UntilAsync(() => engine.Flights.Count == 0 && engine.RefreshCount == 0, "all loads have ended");
            for (var i = 0; i < 3; i++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= handler;
        }

        Assert.Empty(unobserved);
    }

    /// <summary>Callers that leave, run out of patience, join and start loads, of which none succeeds.</summary>
    private static async Task FailOftenAsync(HybridCache cache, string failure)
    {
        var policy = new CacheEntryPolicy
        {
            Expiration = TimeSpan.FromMilliseconds(20),
            StaleIfError = TimeSpan.FromMilliseconds(50),
            EarlyRefreshThreshold = 0.5,
            StaleIfErrorThrottle = TimeSpan.FromMilliseconds(1),
            SoftTimeout = TimeSpan.FromMilliseconds(5),
            HardTimeout = TimeSpan.FromMilliseconds(12),
        };
        await Task.WhenAll(Enumerable.Range(0, 3_000).Select(async i =>
        {
            using var leaving = new CancellationTokenSource(Random.Shared.Next(1, 30));
            await Task.Yield();
            await Record.ExceptionAsync(async () => await cache.GetOrCreateAsync<string?>(
                $"{i % 50}",
                async (_, _) =>
                {
                    await Task.Delay(Random.Shared.Next(25), CancellationToken.None);
                    throw new IOException(failure);
                },
                policy,
                cancellationToken: i % 3 == 0 ? default : leaving.Token));
        }));
    }
}
