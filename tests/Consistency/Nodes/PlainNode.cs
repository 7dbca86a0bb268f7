using Larder.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Consistency.Nodes;

/// <summary>A node exactly as an application makes it, with nothing in between.</summary>
internal sealed class PlainNode : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    public PlainNode(string? server, Action<LarderOptions>? configure = null)
    {
        var services = new ServiceCollection();
        var builder = services.AddLarder(configure);
        if (server is not null)
        {
            builder.UseRedis(server);
        }

        _services = services.BuildServiceProvider();
        Cache = _services.GetRequiredService<HybridCache>();
        Engine = _services.GetRequiredService<CacheEngine>();
    }

    public HybridCache Cache { get; }

    public CacheEngine Engine { get; }

    public Task ReadyAsync() => Poll.UntilAsync(() => Engine.IsTrusted, "the node hears itself");

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
