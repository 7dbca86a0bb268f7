using Larder.Engine;
using Larder.Redis;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Caching.StackExchangeRedis;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Internal;
using Microsoft.Extensions.Options;

namespace Larder.Distributed;

/// <summary>
/// What lies under the caches that <c>AddDistributedCache</c> gives: what the application registered; otherwise the server of <c>UseRedis</c>, over its one connection;
/// otherwise memory.
/// </summary>
internal sealed class DistributedStore(IServiceProvider provider, LarderMarker marker, LarderServer server, CacheEngine engine, IOptions<LarderOptions> options)
{
    /// <summary>The key under which the cache is registered that the application had before.</summary>
    public static object TakenKey { get; } = new();

    /// <summary>Never disposed of by us: the application's is its container's, and Microsoft's closes the connection that it was given.</summary>
    public IDistributedCache Cache { get; } = Registered(provider, marker)
        ?? (server.Connection is { } connection ? OverConnection(connection) : InMemory(options.Value, engine.Clock.Provider));

    /// <summary>What the application registered, under whatever Larder put over it.</summary>
    public static IDistributedCache? Registered(IServiceProvider provider, LarderMarker marker) =>
        marker.ScopedDistributedCache is null ? provider.GetService<IDistributedCache>() : provider.GetKeyedService<IDistributedCache>(TakenKey);

    private static RedisCache OverConnection(RedisConnection connection) => new(new RedisCacheOptions { ConnectionMultiplexerFactory = connection.GetAsync });

    private static MemoryDistributedCache InMemory(LarderOptions options, TimeProvider time) =>
        new(Options.Create(new MemoryDistributedCacheOptions { SizeLimit = options.MaximumMemoryBytes, Clock = new ProviderClock(time) }));

    private sealed class ProviderClock(TimeProvider time) : ISystemClock
    {
        public DateTimeOffset UtcNow => time.GetUtcNow();
    }
}
