using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Counters;

/// <summary>Counters and limiters where nodes cannot count together: the server is away, or the store cannot add; and where memory is full.</summary>
public sealed class CounterOutageTests
{
    private static readonly CacheRateLimiterOptions Two = new() { PermitLimit = 2, Window = TimeSpan.FromHours(1) };

    [ServerTheory(ServerKind.Redis)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_server_that_is_killed_stops_the_counting_or_leaves_it_to_this_node(bool onThisNode)
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddLarder(options =>
        {
            options.CountOnThisNodeWithoutServer = onThisNode;

            // A busy machine must not look like a server that is away: what is counted before the kill would then be counted here.
            options.SecondLevelTimeout = TimeSpan.FromSeconds(20);
        }).UseRedis(server.ConnectionString);
        await using var node = await CacheNode.StartAsync(services);
        var counters = node.Services.GetRequiredService<ICacheCounters>();
        await counters.IncrementAsync("key", 40);
        await using var admits = counters.CreateFixedWindowLimiter("admits", Two);
        await using var refuses = counters.CreateSlidingWindowLimiter("refuses", new CacheRateLimiterOptions { PermitLimit = 2, Window = Two.Window, AdmitsWithoutServer = false });
        await server.KillAsync();

        for (var i = 1; i <= 20; i++)
        {
            using var one = await admits.AcquireAsync();
            using var two = await refuses.AcquireAsync();
            if (onThisNode)
            {
                Assert.Equal(i, await counters.IncrementAsync("key"));
                Assert.Equal(i, await counters.GetAsync("key"));
                Assert.Equal((i <= 2, i <= 2), (one.IsAcquired, two.IsAcquired));
            }
            else
            {
                var thrown = await Assert.ThrowsAsync<SecondLevelException>(() => counters.IncrementAsync("key").AsTask());
                Assert.Contains("CountOnThisNodeWithoutServer", thrown.Message, StringComparison.Ordinal);
                Assert.NotNull(thrown.InnerException);
                await Assert.ThrowsAsync<SecondLevelException>(() => counters.GetAsync("key").AsTask());
                await Assert.ThrowsAsync<SecondLevelException>(() => counters.ResetAsync("key").AsTask());
                Assert.Equal((true, false), (one.IsAcquired, two.IsAcquired));
                Assert.Empty(two.MetadataNames);
            }
        }

        // It comes back empty. Another node, which has counted nothing itself, sees what this one counts from then on, and nothing of what it counted meanwhile.
        await server.RestartAsync();
        await using var other = await CacheNode.StartAsync(services);
        await Poll.UntilAsync(
            async () =>
            {
                try
                {
                    await counters.IncrementAsync("after");
                    return await other.Services.GetRequiredService<ICacheCounters>().GetAsync("after") > 0;
                }
                catch (SecondLevelException)
                {
                    return false;
                }
            },
            "the server counts again");
        Assert.Equal(0, await other.Services.GetRequiredService<ICacheCounters>().GetAsync("key"));
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_clear_that_the_server_could_not_be_told_holds_on_this_node_from_its_first_answer_on()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var proxy = ChaosProxy.Start(server);
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddLarder(options => options.SecondLevelTimeout = TimeSpan.FromSeconds(20)).UseRedis(proxy.EndPoint);
        await using var node = await CacheNode.StartAsync(services);
        var counters = node.Services.GetRequiredService<ICacheCounters>().InScope(new CacheScope("acme"));
        Assert.Equal(7, await counters.IncrementAsync("key", 7));
        proxy.Mode = ChaosMode.Refuse;
        proxy.DropConnections();
        await Poll.UntilAsync(async () => await Record.ExceptionAsync(() => counters.GetAsync("key").AsTask()) is SecondLevelException, "the server is away");
        await node.Services.GetRequiredService<ICacheAdmin>().ClearTenantAsync("acme");
        proxy.Mode = ChaosMode.Forward;
        long? count = null;
        await Poll.UntilAsync(
            async () =>
            {
                try
                {
                    count = await counters.IncrementAsync("key");
                    return true;
                }
                catch (SecondLevelException)
                {
                    return false;
                }
            },
            "the server counts again");

        Assert.Equal(1, count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_store_that_cannot_add_is_refused_unless_the_process_may_count_alone(bool foreign)
    {
        var clock = new SteppedClock();
        await using var refusing = await StartAsync(clock, foreign, allowed: false);
        var counters = refusing.Services.GetRequiredService<ICacheCounters>();
        var thrown = await Assert.ThrowsAsync<NotSupportedException>(async () => await counters.IncrementAsync("key"));
        Assert.Contains("CountOnThisNodeWithoutServer", thrown.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<NotSupportedException>(async () => await counters.GetAsync("key"));
        await Assert.ThrowsAsync<NotSupportedException>(async () => await counters.ResetAsync("key"));
        Assert.Throws<NotSupportedException>(() => counters.CreateFixedWindowLimiter("key", Two));

        await using var counting = await StartAsync(clock, foreign, allowed: true);
        counters = counting.Services.GetRequiredService<ICacheCounters>();
        Assert.Equal(1, await counters.IncrementAsync("key"));
        Assert.Equal(2, await counters.IncrementAsync("key"));
        await counting.Services.GetRequiredService<ICacheAdmin>().ClearAllAsync();
        Assert.Equal(0, await counters.GetAsync("key"));
        using var limiter = counters.CreateFixedWindowLimiter("key", Two);
        Assert.True(limiter.AttemptAcquire(2).IsAcquired);
        Assert.False(limiter.AttemptAcquire().IsAcquired);
    }

    [Fact]
    public async Task Memory_is_bounded_without_setting_a_living_counter_back_and_the_expired_make_room()
    {
        var clock = new SteppedClock();
        await using var node = await StartAsync(clock, foreign: null, allowed: false, capacity: 16);
        var counters = node.Services.GetRequiredService<ICacheCounters>();
        for (var i = 0; i < 16; i++)
        {
            await counters.IncrementAsync($"{i}", 1, new CounterOptions { Expiration = TimeSpan.FromMinutes(i < 4 ? 1 : 60) });
        }

        await Assert.ThrowsAsync<InvalidOperationException>(async () => await counters.IncrementAsync("more"));
        using var limiter = counters.CreateFixedWindowLimiter("limited", Two);
        Assert.True((await limiter.AcquireAsync()).IsAcquired);
        Assert.Equal(2, await counters.IncrementAsync("0"));

        clock.Advance(TimeSpan.FromMinutes(2));
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(1, await counters.IncrementAsync($"more {i}"));
        }

        Assert.Equal(1, await counters.GetAsync("15"));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await counters.IncrementAsync("one too many"));
    }

    private static Task<CacheNode> StartAsync(SteppedClock clock, bool? foreign, bool allowed, int capacity = 100_000)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton<TimeProvider>(clock);
        if (foreign == true)
        {
            services.AddSingleton<HybridCache, ForeignHybridCache>();
        }
        else if (foreign == false)
        {
            services.AddSingleton<IDistributedCache>(new TestDistributedCache(clock));
        }

        services.AddLarder(options =>
        {
            options.CountOnThisNodeWithoutServer = allowed;
            options.MaximumMemoryEntries = capacity;
        });
        return CacheNode.StartAsync(services);
    }
}
