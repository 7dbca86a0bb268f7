using System.Security.Cryptography;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Caching.StackExchangeRedis;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Internal;
using Microsoft.Extensions.Options;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Distributed;

public sealed class BareMemoryConformanceTests : MemoryConformance
{
    private protected override Task<IDistributedCache> CreateAsync() => Task.FromResult<IDistributedCache>(Microsoft());
}

public sealed class ViewOfMemoryConformanceTests : MemoryConformance
{
    private protected override Task<IDistributedCache> CreateAsync() => Task.FromResult(Microsoft().InScope(new CacheScope("acme")));
}

public sealed class ScopedMemoryConformanceTests : MemoryConformance
{
    private protected override Task<IDistributedCache> CreateAsync() => Task.FromResult(Larder(null));
}

public sealed class SealedMemoryConformanceTests : MemoryConformance
{
    private protected override Task<IDistributedCache> CreateAsync() => Task.FromResult(Larder(larder => larder.AddEncryption(keys => keys.Use(Key()).PerTenant()), CacheCompression.Deflate));
}

[NeedsServer(ServerKind.Redis)]
public sealed class BareRedisConformanceTests() : ServerConformance(ServerKind.Redis)
{
    private protected override Task<IDistributedCache> CreateAsync() => MicrosoftAsync();
}

[NeedsServer(ServerKind.Valkey)]
public sealed class BareValkeyConformanceTests() : ServerConformance(ServerKind.Valkey)
{
    private protected override Task<IDistributedCache> CreateAsync() => MicrosoftAsync();
}

[NeedsServer(ServerKind.RedisCluster)]
public sealed class BareClusterConformanceTests() : ServerConformance(ServerKind.RedisCluster)
{
    private protected override Task<IDistributedCache> CreateAsync() => MicrosoftAsync();
}

[NeedsServer(ServerKind.Redis)]
public sealed class ViewOfRedisConformanceTests() : ServerConformance(ServerKind.Redis)
{
    private protected override async Task<IDistributedCache> CreateAsync() => (await MicrosoftAsync()).InScope(new CacheScope("acme"));
}

[NeedsServer(ServerKind.Redis)]
public sealed class ScopedRedisConformanceTests() : ServerConformance(ServerKind.Redis)
{
    private protected override Task<IDistributedCache> CreateAsync() => LarderAsync(null);
}

[NeedsServer(ServerKind.Valkey)]
public sealed class ScopedValkeyConformanceTests() : ServerConformance(ServerKind.Valkey)
{
    private protected override Task<IDistributedCache> CreateAsync() => LarderAsync(null);
}

[NeedsServer(ServerKind.RedisCluster)]
public sealed class ScopedClusterConformanceTests() : ServerConformance(ServerKind.RedisCluster)
{
    private protected override Task<IDistributedCache> CreateAsync() => LarderAsync(null);
}

[NeedsServer(ServerKind.RedisCluster)]
public sealed class SealedClusterConformanceTests() : ServerConformance(ServerKind.RedisCluster)
{
    private protected override Task<IDistributedCache> CreateAsync() => LarderAsync(larder => larder.AddEncryption(keys => keys.Use(Key()).PerTenant()));
}

/// <summary>In memory time stands still until a test moves it.</summary>
public abstract class MemoryConformance : DistributedCacheConformance
{
    private readonly SteppedClock _clock = new();
    private ServiceProvider? _services;

    public override async Task DisposeAsync() => await (_services?.DisposeAsync() ?? default);

    private protected static CacheEncryptionKey Key() => new("k1", RandomNumberGenerator.GetBytes(32));

    private protected override Task PassAsync(TimeSpan time)
    {
        _clock.Advance(time);
        return Task.CompletedTask;
    }

    private protected MemoryDistributedCache Microsoft() => new(Options.Create(new MemoryDistributedCacheOptions { Clock = new Clock(_clock) }));

    private protected IDistributedCache Larder(Action<ILarderBuilder>? build, CacheCompression compression = CacheCompression.None)
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(_clock);
        services.AddSingleton<IDistributedCache>(Microsoft());
        var larder = services.AddLarder(options => options.Compression = compression).AddDistributedCache();
        build?.Invoke(larder);
        _services = services.BuildServiceProvider();
        return _services.GetRequiredService<IDistributedCache>();
    }

    private sealed class Clock(SteppedClock clock) : ISystemClock
    {
        public DateTimeOffset UtcNow => clock.GetUtcNow();
    }
}

/// <summary>At a server time is made to pass by taking it from what keys have left.</summary>
public abstract class ServerConformance(ServerKind kind) : DistributedCacheConformance
{
    private ConnectionMultiplexer? _client;
    private CacheNode? _node;

    private protected override bool IsCancellable => true;

    public override async Task InitializeAsync()
    {
        _client = await ConnectionMultiplexer.ConnectAsync((await TestServers.GetAsync(kind)).PatientConnectionString);
        await base.InitializeAsync();
    }

    public override async Task DisposeAsync()
    {
        await (_node?.DisposeAsync() ?? default);
        await _client!.DisposeAsync();
    }

    private protected static CacheEncryptionKey Key() => new("k1", RandomNumberGenerator.GetBytes(32));

    private protected override async Task PassAsync(TimeSpan time)
    {
        var keys = 0;
        foreach (var server in _client!.GetServers().Where(server => !server.IsReplica))
        {
            // A server whose tables shrink meanwhile, because other tests' keys end, lists some twice.
            await foreach (var key in server.KeysAsync(pattern: $"*{Id} *").Distinct())
            {
                keys++;
                var left = await _client.GetDatabase().KeyTimeToLiveAsync(key);
                await _client.GetDatabase().KeyExpireAsync(key, left - time);
            }
        }

        Assert.NotEqual(0, keys);
    }

    private protected async Task<IDistributedCache> MicrosoftAsync()
    {
        await Task.CompletedTask;
        return new RedisCache(new RedisCacheOptions { ConnectionMultiplexerFactory = () => Task.FromResult<IConnectionMultiplexer>(_client!) });
    }

    private protected async Task<IDistributedCache> LarderAsync(Action<ILarderBuilder>? build)
    {
        var services = new ServiceCollection();
        var larder = services.AddLarder(options =>
        {
            options.Prefix = Id;
            options.SecondLevelTimeout = TimeSpan.FromSeconds(20);
        }).UseRedis(_ => Task.FromResult<IConnectionMultiplexer>(_client!)).AddDistributedCache();
        build?.Invoke(larder);
        _node = await CacheNode.StartAsync(services);
        return _node.Services.GetRequiredService<IDistributedCache>();
    }
}
