using System.Collections.Concurrent;
using Larder.Hybrid;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Notifications;

/// <summary>Servers of the test's own, which tell what expires, or do not say whether they do.</summary>
public sealed class ServerExpirationTests
{
    [ServerTheory(ServerKind.Redis, ServerKind.Valkey)]
    [InlineData(ServerKind.Redis)]
    [InlineData(ServerKind.Valkey)]
    public async Task What_expires_at_the_server_is_told(ServerKind kind)
    {
        await using var server = await TestServers.StartNewAsync(kind, new ServerOptions { Lines = ["notify-keyspace-events Ex"] });
        await TellsAsync(server.ConnectionString, ["user:1"]);
    }

    [ServerFact(ServerKind.RedisCluster)]
    public async Task On_a_cluster_each_master_is_listened_to()
    {
        await using var cluster = await TestServers.StartNewClusterAsync(ServerKind.RedisCluster);
        await using (var client = await ConnectionMultiplexer.ConnectAsync(cluster.ConnectionString + ",allowAdmin=true"))
        {
            foreach (var server in client.GetServers())
            {
                await server.ConfigSetAsync("notify-keyspace-events", "Ex");
            }
        }

        // Enough keys for each master to have some.
        await TellsAsync(cluster.ConnectionString, [.. Enumerable.Range(0, 40).Select(i => $"user:{i}")]);
    }

    [ServerFact(ServerKind.Redis)]
    public async Task Where_it_cannot_be_asked_the_subscription_says_that_it_is_not_confirmed()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis, new ServerOptions { Lines = ["notify-keyspace-events Ex", "rename-command CONFIG \"\""] });
        await using var provider = Provider(server.ConnectionString);
        await using var subscription = await provider.GetRequiredService<ICacheNotifications>().OnServerExpirationAsync(_ => { });

        Assert.False(subscription.IsConfirmed);
    }

    private static async Task TellsAsync(string connectionString, string[] keys)
    {
        await using var provider = Provider(connectionString);
        var told = new ConcurrentQueue<CacheExpiration>();
        var subscription = await provider.GetRequiredService<ICacheNotifications>().OnServerExpirationAsync(told.Enqueue);
        Assert.True(subscription.IsConfirmed);
        var scope = new CacheScope("ac:me", null, "{users}");
        var cache = provider.GetRequiredService<HybridCache>().InScope(scope);

        // Pages are the output cache's own.
        var engine = ((ScopedHybridCache)provider.GetRequiredService<HybridCache>()).Engine;
        await engine.SetAsync(engine.Scope(scope).Pages, "page", "html", new HybridCacheEntryOptions { Expiration = TimeSpan.FromMilliseconds(50) }, null, null, default);
        var options = new HybridCacheEntryOptions { Expiration = TimeSpan.FromMilliseconds(300) };
        foreach (var key in keys)
        {
            await cache.SetAsync(key, "value", options);
        }

        await Poll.UntilAsync(() => told.Select(expiration => expiration.Key).Distinct().Count() == keys.Length, "all are told");
        Assert.All(told, expiration => Assert.Equal(scope, expiration.Scope));
        Assert.Equal(keys.Order(StringComparer.Ordinal), told.Select(expiration => expiration.Key).Order(StringComparer.Ordinal));
        Assert.Equal(0, subscription.Dropped);
        await subscription.DisposeAsync();
    }

    private static ServiceProvider Provider(string connectionString) =>
        new ServiceCollection().AddLarder(options => (options.Prefix, options.SecondLevelTimeout) = ($"larder-{Guid.NewGuid():N}", TimeSpan.FromSeconds(20))).UseRedis(connectionString).Services.BuildServiceProvider();
}
