using System.Security.Cryptography;
using System.Text;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Distributed;

/// <summary>Several nodes with the server of <c>UseRedis</c> under their distributed caches.</summary>
public abstract class ServerDistributedContract(ServerKind kind) : LarderContract
{
    private static readonly DistributedCacheEntryOptions Hour = new() { AbsoluteExpirationRelativeToNow = TimeSpan.FromHours(1) };
    private static readonly byte[] Value = "a value that nobody else may see"u8.ToArray();

    private protected override Backend Backend { get; } = Backend.Of(kind);

    [ContractFact]
    public async Task Nodes_share_values_and_follow_each_others_clears()
    {
        var first = Distributed(await StartAsync(null, larder => larder.AddDistributedCache()));
        var node = await StartAsync(null, larder => larder.AddDistributedCache());
        var second = Distributed(node);
        var (acme, theirs) = (new CacheScope("acme", "web"), new CacheScope("umbrella", "web"));
        await first.InScope(acme).SetAsync("key", Value, Hour);
        first.InScope(theirs).Set("key", Value, new DistributedCacheEntryOptions { SlidingExpiration = TimeSpan.FromHours(1) });
        Assert.Equal(Value, second.InScope(acme).Get("key"));
        Assert.Equal(Value, await second.InScope(theirs).GetAsync("key"));

        await node.Services.GetRequiredService<ICacheAdmin>().ClearTenantAsync("acme");
        Assert.Null(await second.InScope(acme).GetAsync("key"));
        await Poll.UntilAsync(() => first.InScope(acme).Get("key") is null, "the other node has heard of the clear");
        Assert.Equal(Value, await first.InScope(theirs).GetAsync("key"));
        await second.InScope(acme).SetAsync("key", [2], Hour);
        Assert.Equal([2], await first.InScope(acme).GetAsync("key"));
    }

    [ContractFact]
    public async Task The_server_sees_neither_values_nor_keys()
    {
        var key = RandomNumberGenerator.GetBytes(32);
        var node = await StartAsync(null, larder => larder.AddEncryption(keys => keys.Use(new CacheEncryptionKey("k1", key))).AddDistributedCache());
        await Distributed(node).SetAsync("key", Value, Hour);
        await using var client = await ConnectionMultiplexer.ConnectAsync((await TestServers.GetAsync(kind)).ConnectionString);
        var fields = await client.GetDatabase().HashGetAllAsync($"{node.Engine!.ApplicationPrefix}d:t:p:n:key");

        Assert.NotEmpty(fields);
        foreach (var field in fields)
        {
            var stored = (byte[])field.Value!;
            Assert.True(stored.AsSpan().IndexOf("nobody"u8) < 0);
            Assert.True(stored.AsSpan().IndexOf(key.AsSpan(0, 8)) < 0);
        }

        Assert.Equal(Value, await Distributed(node).GetAsync("key"));
    }

    [ContractFact]
    public async Task A_purge_leaves_them_alone()
    {
        var node = await StartAsync(null, larder => larder.AddDistributedCache());
        await Distributed(node).SetAsync("key", Value, Hour);
        await node.Services.GetRequiredService<ICacheAdmin>().PurgeAsync();
        Assert.Equal(Value, await Distributed(node).GetAsync("key"));
    }

    [ContractFact]
    public async Task The_applications_one_connection_serves_and_is_left_open()
    {
        await using var client = await ConnectionMultiplexer.ConnectAsync((await TestServers.GetAsync(kind)).ConnectionString);
        var connections = 0;
        var services = new ServiceCollection();
        services.AddLarder(options => (options.Prefix, options.SecondLevelTimeout) = (Backend.Prefix, TimeSpan.FromSeconds(20))).AddDistributedCache().UseRedis(_ =>
        {
            Interlocked.Increment(ref connections);
            return Task.FromResult<IConnectionMultiplexer>(client);
        });
        await using (var node = await CacheNode.StartAsync(services))
        {
            await Distributed(node).SetAsync("key", Encoding.UTF8.GetBytes("x"), Hour);
            Assert.NotNull(Distributed(node).Get("key"));
        }

        Assert.Equal(1, connections);
        Assert.True(client.IsConnected);
        await client.GetDatabase().PingAsync();
    }

    private static IDistributedCache Distributed(CacheNode node) => node.Services.GetRequiredService<IDistributedCache>();
}

[NeedsServer(ServerKind.Redis)]
public sealed class RedisDistributedTests() : ServerDistributedContract(ServerKind.Redis);

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyDistributedTests() : ServerDistributedContract(ServerKind.Valkey);

[NeedsServer(ServerKind.RedisCluster)]
public sealed class RedisClusterDistributedTests() : ServerDistributedContract(ServerKind.RedisCluster);
