using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Hybrid;

/// <summary>
/// What every <see cref="HybridCache"/> has to do, whoever made it. Each concrete class runs it over one back end. Where
/// an implementation is documented to differ, it says so by overriding an expectation.
/// </summary>
public abstract partial class HybridCacheContract : IAsyncLifetime
{
    private readonly List<CacheNode> _nodes = [];
    private readonly string _prefix = $"contract-{Guid.NewGuid():N}";

    /// <summary>The clock of all nodes; it stands still unless a test moves it.</summary>
    private protected SteppedClock Clock { get; } = new();

    /// <summary>A cache that a test may use in any way.</summary>
    internal HybridCache Cache { get; private set; } = null!;

    /// <summary>Whether nodes share entries, so that what one loads the other finds.</summary>
    protected virtual bool IsShared => false;

    /// <summary>Whether an invalidation holds for loads that began before it and are still under way.</summary>
    protected virtual bool FencesLoads => true;

    /// <summary>Whether an expiration of zero means "not cached".</summary>
    protected virtual bool ZeroSwitchesCachingOff => true;

    /// <summary>Whether keys with control characters are cached.</summary>
    protected virtual bool CachesAnyCharacter => true;

    /// <summary>Whether null text and null arrays come back as null, rather than empty.</summary>
    protected virtual bool KeepsNullApartFromEmpty => true;

    /// <summary>Whether the second level may hold another value than memory does.</summary>
    protected virtual bool LevelsMayDiffer => true;

    /// <summary>Whether a node notices that a single key was changed on another.</summary>
    protected virtual bool NoticesKeysOfOthers => true;

    /// <summary>Whether a value that cannot be serialized is still returned to its caller.</summary>
    protected virtual bool SurvivesSerializers => true;

    /// <summary>Whether removing by an empty tag is refused.</summary>
    protected virtual bool RefusesEmptyTags => true;

    /// <summary>Adds the cache under test. The container has the clock and the options already.</summary>
    protected abstract void AddCache(IServiceCollection services, string prefix, Action<LarderOptions> configure);

    /// <summary>Lets what one node did reach the others.</summary>
    protected virtual Task CatchUpAsync() => Task.CompletedTask;

    protected virtual Task PrepareAsync() => Task.CompletedTask;

    public async Task InitializeAsync()
    {
        await PrepareAsync();
        Cache = (await StartNodeAsync()).Cache;
    }

    public virtual async Task DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }
    }

    /// <summary>Another application on the same second level, if there is one.</summary>
    internal async Task<CacheNode> StartNodeAsync(Action<LarderOptions>? configure = null, Action<IServiceCollection>? register = null)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton<TimeProvider>(Clock);
        register?.Invoke(services);
        AddCache(services, _prefix, options =>
        {
            options.Prefix = _prefix;

            // What is tested here is what the levels hold, not how long a loaded machine takes to connect.
            options.SecondLevelTimeout = TimeSpan.FromSeconds(30);
            options.LeaseDuration = TimeSpan.FromMinutes(1);
            configure?.Invoke(options);
        });
        var node = await CacheNode.StartAsync(services);
        _nodes.Add(node);
        return node;
    }

    /// <summary>What the cache holds, or default; never runs a factory.</summary>
    internal static ValueTask<T?> PeekAsync<T>(HybridCache cache, string key, HybridCacheEntryFlags flags = HybridCacheEntryFlags.None) =>
        cache.GetOrCreateAsync<T?>(
            key,
            _ => throw new InvalidOperationException("The factory ran although the call forbade it."),
            new HybridCacheEntryOptions { Flags = flags | HybridCacheEntryFlags.DisableUnderlyingData });

    internal ValueTask<string?> PeekAsync(string key, HybridCacheEntryFlags flags = HybridCacheEntryFlags.None) => PeekAsync<string>(Cache, key, flags);

    private static HybridCacheEntryOptions With(HybridCacheEntryFlags flags) => new() { Flags = flags };
}
