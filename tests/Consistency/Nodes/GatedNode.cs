using Larder.Consistency.Levels;
using Larder.Diagnostics;
using Larder.Engine;
using Larder.Hybrid;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Larder.Consistency.Nodes;

/// <summary>One engine on a <see cref="MemoryServer"/> and a <see cref="MemoryBus"/>, with a hook at each of its calls.</summary>
internal sealed class GatedNode : IAsyncDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().BuildServiceProvider();
    private readonly LarderMetrics _metrics = new(null);

    public GatedNode(MemoryServer server, MemoryBus bus, Action<LarderOptions>? configure = null, ILogger? logger = null, Func<Task>? subscribing = null)
    {
        // What is laid out here call by call is not about time: a call that the machine holds up for half a second would pass for one that is not answered, and go another way.
        var options = new LarderOptions { SecondLevelTimeout = TimeSpan.FromMinutes(1) };
        configure?.Invoke(options);
        Level = new HookedSecondLevel(server.Connect());
        // Before the engine is, which subscribes at once.
        Transport = new HookedTransport(bus.Connect()) { Subscribing = subscribing };
        Engine = new CacheEngine(options, TimeProvider.System, new Serializers(_services), Level, Transport, _metrics, logger ?? NullLogger.Instance);
        Cache = new ScopedHybridCache(Engine, CacheScope.Raw.WithTenant("acme"));
    }

    public HookedSecondLevel Level { get; }

    public HookedTransport Transport { get; }

    public CacheEngine Engine { get; }

    public HybridCache Cache { get; }

    public async ValueTask DisposeAsync()
    {
        await Engine.DisposeAsync();
        _metrics.Dispose();
        await _services.DisposeAsync();
    }
}
