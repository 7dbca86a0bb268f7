using Larder.Hybrid;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder;

/// <summary>What Larder adds to a <see cref="HybridCache"/>: factories that decide about their entry, and looks that run no factory.</summary>
public static class HybridCachePolicyExtensions
{
    /// <summary>Gets a value, or loads it with a factory that decides how long it lives, what tags it has, or that nothing was found.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="cache">A cache that <c>AddLarder</c> gave the application, or a view of it.</param>
    /// <param name="key">The key.</param>
    /// <param name="factory">Loads the value. Its context is of use only while it runs.</param>
    /// <param name="policy">What this call wants.</param>
    /// <param name="tags">Tags known before the load.</param>
    /// <param name="cancellationToken">Ends the caller's wait; the factory's token is cancelled when all who wait have left.</param>
    /// <exception cref="ArgumentException"><paramref name="cache"/> is not one of Larder's, or a tag is not valid.</exception>
    public static ValueTask<T> GetOrCreateAsync<T>(
        this HybridCache cache,
        string key,
        Func<CacheEntryContext, CancellationToken, ValueTask<T>> factory,
        CacheEntryPolicy? policy = null,
        IEnumerable<string>? tags = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(factory);
        return cache.GetOrCreateAsync(key, factory, static (factory, entry, token) => factory(entry, token), policy, tags, cancellationToken);
    }

    /// <summary>The same with a state that is handed to the factory, which then need not capture anything.</summary>
    /// <typeparam name="TState">The type of the state.</typeparam>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="cache">A cache that <c>AddLarder</c> gave the application, or a view of it.</param>
    /// <param name="key">The key.</param>
    /// <param name="state">Handed to the factory.</param>
    /// <param name="factory">Loads the value.</param>
    /// <param name="policy">What this call wants.</param>
    /// <param name="tags">Tags known before the load.</param>
    /// <param name="cancellationToken">Ends the caller's wait.</param>
    /// <exception cref="ArgumentException"><paramref name="cache"/> is not one of Larder's, or a tag is not valid.</exception>
    public static ValueTask<T> GetOrCreateAsync<TState, T>(
        this HybridCache cache,
        string key,
        TState state,
        Func<TState, CacheEntryContext, CancellationToken, ValueTask<T>> factory,
        CacheEntryPolicy? policy = null,
        IEnumerable<string>? tags = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(factory);
        var larder = ScopedHybridCache.From(cache);
        return larder.Engine.GetOrCreateAsync(larder.State, key, state, factory, policy, tags, cancellationToken);
    }

    /// <summary>
    /// Removes a key, at all levels and on all nodes, and loads it again at once: what to call after the source has changed, so that
    /// the next reader does not wait. Who reads meanwhile waits for this load.
    /// </summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="cache">A cache that <c>AddLarder</c> gave the application, or a view of it.</param>
    /// <param name="key">The key.</param>
    /// <param name="factory">Loads the value.</param>
    /// <param name="policy">What this call wants.</param>
    /// <param name="tags">Tags known before the load.</param>
    /// <param name="cancellationToken">Ends the caller's wait. The removal is not taken back.</param>
    /// <exception cref="ArgumentException"><paramref name="cache"/> is not one of Larder's, or a tag is not valid.</exception>
    public static async ValueTask<T> RecacheAsync<T>(
        this HybridCache cache,
        string key,
        Func<CacheEntryContext, CancellationToken, ValueTask<T>> factory,
        CacheEntryPolicy? policy = null,
        IEnumerable<string>? tags = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(factory);
        var larder = ScopedHybridCache.From(cache);

        // One scope for both steps, whatever the ambient one is when the first has ended.
        var state = larder.State;
        await larder.Engine.RemoveAsync(state, key, cancellationToken).ConfigureAwait(false);
        return await larder.Engine.GetOrCreateAsync(
            state, key, factory, static (factory, entry, token) => factory(entry, token), policy, tags, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Looks for a value without running a factory: a value, the knowledge that there is none, or nothing. What only the second level holds
    /// is kept in memory.
    /// </summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="cache">A cache that <c>AddLarder</c> gave the application, or a view of it.</param>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Ends the caller's wait.</param>
    /// <exception cref="ArgumentException"><paramref name="cache"/> is not one of Larder's.</exception>
    public static ValueTask<CacheResult<T>> TryGetAsync<T>(this HybridCache cache, string key, CancellationToken cancellationToken = default)
    {
        var larder = ScopedHybridCache.From(cache);
        return larder.Engine.TryGetAsync<T>(larder.State, key, cancellationToken);
    }
}
