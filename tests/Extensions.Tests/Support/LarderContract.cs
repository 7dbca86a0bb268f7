using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests;

/// <summary>Where a contract of Larder's own runs: which second level, and how long until another node has followed.</summary>
internal sealed class Backend(ServerKind? kind, Action<IServiceCollection, SteppedClock>? register = null)
{
    private readonly string _prefix = $"larder-{Guid.NewGuid():N}";

    public SteppedClock Clock { get; } = new();

    public bool IsShared => kind is not null;

    /// <summary>Whether entries end by a clock that the test does not move.</summary>
    public bool KeepsRealTime => kind is not null;

    public string Prefix => _prefix;

    public static Backend Memory() => new(null);

    public static Backend Of(ServerKind kind) => new(kind);

    public static Backend Plain()
    {
        TestDistributedCache? store = null;
        return new Backend(null, (services, clock) => services.AddSingleton<IDistributedCache>(store ??= new TestDistributedCache(clock)));
    }

    public static Backend Foreign() => new(null, (services, _) => services.AddSingleton<HybridCache, ForeignHybridCache>());

    public async Task<CacheNode> StartNodeAsync(Action<LarderOptions>? configure = null, Action<ILarderBuilder>? build = null)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton<TimeProvider>(Clock);
        register?.Invoke(services, Clock);
        var larder = services.AddLarder(options =>
        {
            options.Prefix = _prefix;

            // A busy machine must not look like a server that is away.
            options.SecondLevelTimeout = TimeSpan.FromSeconds(20);

            // Nor one that stands still for some seconds like a node that has died in the middle of a load, which another node then repeats.
            options.LeaseDuration = TimeSpan.FromMinutes(1);
            configure?.Invoke(options);
        });
        build?.Invoke(larder);
        if (kind is { } server)
        {
            larder.UseRedis((await TestServers.GetAsync(server)).PatientConnectionString);
        }

        return await CacheNode.StartAsync(services);
    }
}

/// <summary>A contract of Larder's own, run over one back end by each concrete class.</summary>
public abstract class LarderContract : IAsyncLifetime
{
    private readonly List<CacheNode> _nodes = [];

    private protected abstract Backend Backend { get; }

    private protected SteppedClock Clock => Backend.Clock;

    internal HybridCache Cache => _nodes[0].Cache;

    private protected CacheNode Node => _nodes[0];

    public async Task InitializeAsync() => await StartAsync(null);

    public async Task DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }
    }

    /// <summary>Moves the clock, and waits until every node has found out that it still hears the others.</summary>
    private protected async Task AdvanceAsync(TimeSpan by)
    {
        Clock.Advance(by);
        foreach (var node in _nodes)
        {
            await Poll.UntilAsync(() => node.Engine!.IsTrusted, "the node hears the others");
        }
    }

    private protected async Task<CacheNode> StartAsync(Action<LarderOptions>? configure, Action<ILarderBuilder>? build = null)
    {
        var node = await Backend.StartNodeAsync(configure, build);
        _nodes.Add(node);
        return node;
    }
}
