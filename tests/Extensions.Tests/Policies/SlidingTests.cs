using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Policies;

/// <summary>What a sliding expiration costs, and what the second level is told of reads.</summary>
public sealed class SlidingTests
{
    private static readonly CacheEntryPolicy Sliding = new() { Expiration = TimeSpan.FromMinutes(10), SlidingExpiration = TimeSpan.FromSeconds(80) };

    [Fact]
    public async Task The_second_level_is_told_of_reads_once_in_an_eighth_of_the_window()
    {
        var clock = new SteppedClock();
        var store = new TestDistributedCache(clock);
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton<TimeProvider>(clock);
        services.AddSingleton<IDistributedCache>(store);

        // No look at the second level but for the touches.
        services.AddLarder(options => options.StampAge = TimeSpan.FromDays(1));
        await using var node = await CacheNode.StartAsync(services);
        await node.Cache.GetOrCreateAsync("key", (_, _) => new ValueTask<string>("value"), Sliding);

        for (var second = 0; second < 100; second++)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            for (var i = 0; i < 100; i++)
            {
                await node.Cache.GetOrCreateAsync<string>("key", (_, _) => throw new InvalidOperationException("It is in memory."), Sliding);
            }
        }

        Assert.Equal(10, store.Refreshes);
    }

    [Fact]
    public async Task Entries_that_sleep_are_swept()
    {
        var clock = new SteppedClock();
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton<TimeProvider>(clock);
        services.AddLarder();
        await using var node = await CacheNode.StartAsync(services);
        await node.Cache.GetOrCreateAsync("key", (_, _) => new ValueTask<string>("value"), Sliding);
        clock.Advance(TimeSpan.FromSeconds(79));
        Assert.Equal(0, node.Engine!.Memory.Sweep(node.Engine.Clock.Now, _ => false));
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(1, node.Engine.Memory.Sweep(node.Engine.Clock.Now, _ => false));
    }
}

/// <summary>A server ends entries by its own clock: what it is told is looked at instead of waited for.</summary>
public abstract class SlidingServerTests(ServerKind kind)
{
    private static readonly CacheEntryPolicy Sliding = new() { Expiration = TimeSpan.FromMinutes(10), SlidingExpiration = TimeSpan.FromSeconds(80) };

    [ContractFact]
    public async Task The_server_keeps_an_entry_for_its_window_and_for_another_when_it_is_read()
    {
        var backend = Backend.Of(kind);
        await using var node = await backend.StartNodeAsync();
        await using var client = await ConnectionMultiplexer.ConnectAsync((await TestServers.GetAsync(kind)).ConnectionString);
        var server = client.GetDatabase();
        RedisKey key = node.Engine!.Scope(CacheScope.Raw).PhysicalKey("key");
        await node.Cache.GetOrCreateAsync("key", (_, _) => new ValueTask<string>("value"), Sliding);
        Assert.InRange((await server.KeyTimeToLiveAsync(key))!.Value, TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(90));

        // As if most of the window had passed at the server too.
        await server.KeyExpireAsync(key, TimeSpan.FromSeconds(50));
        backend.Clock.Advance(TimeSpan.FromSeconds(40));
        await node.Cache.GetOrCreateAsync("key", (_, _) => new ValueTask<string>("unused"), Sliding);
        await Poll.UntilAsync(async () => await server.KeyTimeToLiveAsync(key) > TimeSpan.FromSeconds(60), "the server was told of the read");

        // Never beyond the absolute end, of which 20 seconds are left.
        for (var i = 0; i < 9; i++)
        {
            backend.Clock.Advance(TimeSpan.FromSeconds(60));
            await node.Cache.GetOrCreateAsync("key", (_, _) => new ValueTask<string>("unused"), Sliding);
        }

        await Poll.UntilAsync(async () => await server.KeyTimeToLiveAsync(key) <= TimeSpan.FromSeconds(20), "the server was told of the end");
    }

    [ContractFact]
    public async Task A_read_does_not_prolong_what_someone_else_has_stored_meanwhile()
    {
        var backend = Backend.Of(kind);
        await using var node = await backend.StartNodeAsync();
        await using var client = await ConnectionMultiplexer.ConnectAsync((await TestServers.GetAsync(kind)).ConnectionString);
        var server = client.GetDatabase();
        var level = new Larder.Redis.RedisSecondLevel(new Larder.Redis.RedisConnection(() => Task.FromResult<IConnectionMultiplexer>(client), owned: false), node.Engine!.ApplicationPrefix, TimeSpan.FromSeconds(5));
        var key = node.Engine.Scope(CacheScope.Raw).PhysicalKey("key");
        await node.Cache.SetAsync("key", "value", new() { Expiration = TimeSpan.FromSeconds(30) });
        var id = (await level.GetIdAsync(key, default))!.Value;

        await level.TouchAsync(key, id + 1, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(8), default);
        Assert.InRange((await server.KeyTimeToLiveAsync(key))!.Value, TimeSpan.Zero, TimeSpan.FromSeconds(30));
        await level.TouchAsync(key, id, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(8), default);
        Assert.InRange((await server.KeyTimeToLiveAsync(key))!.Value, TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(9));
    }
}

[NeedsServer(ServerKind.Redis)]
public sealed class RedisSlidingTests() : SlidingServerTests(ServerKind.Redis);

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeySlidingTests() : SlidingServerTests(ServerKind.Valkey);

[NeedsServer(ServerKind.RedisCluster)]
public sealed class RedisClusterSlidingTests() : SlidingServerTests(ServerKind.RedisCluster);
