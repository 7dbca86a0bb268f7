using Larder.Engine;
using Larder.Hybrid;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Tests;

/// <summary>One application's cache: a container of its own, as a node in a cluster has.</summary>
internal sealed class CacheNode : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private CacheNode(ServiceProvider services)
    {
        _services = services;
        Cache = services.GetRequiredService<HybridCache>();
    }

    public IServiceProvider Services => _services;

    public HybridCache Cache { get; }

    /// <summary>Larder's engine behind the cache; null where the cache is someone else's.</summary>
    public CacheEngine? Engine => (Cache as ScopedHybridCache)?.Engine;

    public static async Task<CacheNode> StartAsync(IServiceCollection services)
    {
        var node = new CacheNode(services.BuildServiceProvider());
        if (node.Engine is { } engine)
        {
            await Poll.UntilAsync(() => engine.IsTrusted, "the node hears its own heartbeat");
        }

        return node;
    }

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
