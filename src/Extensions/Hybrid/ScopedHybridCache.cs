using Larder.Engine;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Hybrid;

/// <summary>The <see cref="HybridCache"/> an application injects: the engine, seen in one scope or in that of the running call.</summary>
internal sealed class ScopedHybridCache(CacheEngine engine, CacheScope? scope) : HybridCache
{
    public CacheEngine Engine { get; } = engine;

    /// <summary>The scope of this view, or null for the ambient one.</summary>
    public CacheScope? Scope { get; } = scope;

    // The scope is settled here, before anything is awaited: what the call starts may run in another context.
    internal ScopeState State => Engine.Scope(Scope ?? CacheScope.Current);

    /// <exception cref="ArgumentException">The cache is not one of Larder's.</exception>
    public static ScopedHybridCache From(HybridCache cache)
    {
        ArgumentNullException.ThrowIfNull(cache);
        return cache as ScopedHybridCache
            ?? throw new ArgumentException($"{cache.GetType()} is not a cache of Larder's. Call services.AddLarder() after it is registered, and inject HybridCache.", nameof(cache));
    }

    public override ValueTask<T> GetOrCreateAsync<TState, T>(
        string key,
        TState state,
        Func<TState, CancellationToken, ValueTask<T>> factory,
        HybridCacheEntryOptions? options = null,
        IEnumerable<string>? tags = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(factory);
        return Engine.GetOrCreateAsync(State, key, key, state, factory, options, tags, cancellationToken);
    }

    public override ValueTask<T> GetOrCreateAsync<TState, T>(
        ReadOnlySpan<char> key,
        TState state,
        Func<TState, CancellationToken, ValueTask<T>> factory,
        HybridCacheEntryOptions? options = null,
        IEnumerable<string>? tags = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(factory);
        return Engine.GetOrCreateAsync(State, key, null, state, factory, options, tags, cancellationToken);
    }

    public override ValueTask SetAsync<T>(
        string key, T value, HybridCacheEntryOptions? options = null, IEnumerable<string>? tags = null, CancellationToken cancellationToken = default) =>
        Engine.SetAsync(State, key, value, options, tags, null, cancellationToken);

    public override ValueTask RemoveAsync(string key, CancellationToken cancellationToken = default) =>
        Engine.RemoveAsync(State, key, cancellationToken);

    public override ValueTask RemoveByTagAsync(string tag, CancellationToken cancellationToken = default) =>
        Engine.RemoveByTagAsync(State, tag, cancellationToken);
}
