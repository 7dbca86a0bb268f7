using Larder.Hybrid;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder;

/// <summary>
/// Finds entries by what they belong to: all sessions of a user, all pages of a document. In memory alone, and on Redis and Valkey.
/// </summary>
/// <remarks>
/// An entry belongs to the sets it was given when it was stored, and to those only: overwriting, removal, invalidation, expiry and eviction take it out. What
/// is given back is what the cache holds at the moment it is looked at; other entries may come and go meanwhile.
/// </remarks>
public static class HybridCacheIndexExtensions
{
    /// <summary>Stores a value that belongs to sets.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="cache">A cache that <c>AddLarder</c> gave the application, or a view of it.</param>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <param name="indexes">What it belongs to; at most 64.</param>
    /// <param name="options">As for <see cref="HybridCache.SetAsync"/>.</param>
    /// <param name="tags">Its tags.</param>
    /// <param name="cancellationToken">Ends the call before it begins.</param>
    /// <exception cref="ArgumentException"><paramref name="cache"/> is not one of Larder's, or an index or tag is not valid.</exception>
    public static ValueTask SetAsync<T>(
        this HybridCache cache,
        string key,
        T value,
        IEnumerable<CacheIndex> indexes,
        HybridCacheEntryOptions? options = null,
        IEnumerable<string>? tags = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(indexes);
        var larder = ScopedHybridCache.From(cache);
        return larder.Engine.SetAsync(larder.State, key, value, options, tags, CacheIndex.Normalize(indexes), cancellationToken);
    }

    /// <summary>The entries that belong to a set.</summary>
    /// <typeparam name="T">The type of the values; entries of another type are left out.</typeparam>
    /// <param name="cache">A cache that <c>AddLarder</c> gave the application, or a view of it.</param>
    /// <param name="index">The set.</param>
    /// <param name="cancellationToken">Ends the enumeration.</param>
    /// <returns>Keys and values, each key once, in no order, read page by page as the enumeration goes on.</returns>
    /// <exception cref="NotSupportedException">The second level cannot keep sets.</exception>
    /// <exception cref="SecondLevelException">While enumerating: the server did not answer.</exception>
    public static IAsyncEnumerable<KeyValuePair<string, T?>> GetByIndexAsync<T>(this HybridCache cache, CacheIndex index, CancellationToken cancellationToken = default) =>
        cache.GetByIndexAsync<T>([index], cancellationToken);

    /// <summary>The entries that belong to all of several sets.</summary>
    /// <typeparam name="T">The type of the values; entries of another type are left out.</typeparam>
    /// <param name="cache">A cache that <c>AddLarder</c> gave the application, or a view of it.</param>
    /// <param name="indexes">The sets, at least one. Give the smallest first: that one is read.</param>
    /// <param name="cancellationToken">Ends the enumeration.</param>
    /// <returns>Keys and values, each key once, in no order, read page by page as the enumeration goes on.</returns>
    /// <exception cref="NotSupportedException">The second level cannot keep sets.</exception>
    /// <exception cref="SecondLevelException">While enumerating: the server did not answer.</exception>
    public static IAsyncEnumerable<KeyValuePair<string, T?>> GetByIndexAsync<T>(this HybridCache cache, IReadOnlyCollection<CacheIndex> indexes, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(indexes);

        // The scope is settled here, not when the enumeration begins.
        var larder = ScopedHybridCache.From(cache);
        return larder.Engine.ReadByIndexAsync(larder.State, [.. indexes], larder.Engine.Values<T>(), cancellationToken);
    }

    /// <summary>The keys of the entries that belong to all of one or several sets.</summary>
    /// <param name="cache">A cache that <c>AddLarder</c> gave the application, or a view of it.</param>
    /// <param name="indexes">The sets, at least one. Give the smallest first: that one is read.</param>
    /// <param name="cancellationToken">Ends the enumeration.</param>
    /// <exception cref="NotSupportedException">The second level cannot keep sets.</exception>
    /// <exception cref="SecondLevelException">While enumerating: the server did not answer.</exception>
    public static IAsyncEnumerable<string> GetKeysByIndexAsync(this HybridCache cache, IReadOnlyCollection<CacheIndex> indexes, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(indexes);
        var larder = ScopedHybridCache.From(cache);
        return larder.Engine.ReadByIndexAsync(larder.State, [.. indexes], larder.Engine.KeysOnly, cancellationToken).Select(entry => entry.Key);
    }

    /// <summary>The keys of the entries that belong to a set.</summary>
    /// <inheritdoc cref="GetKeysByIndexAsync(HybridCache, IReadOnlyCollection{CacheIndex}, CancellationToken)"/>
    /// <param name="cache">A cache that <c>AddLarder</c> gave the application, or a view of it.</param>
    /// <param name="index">The set.</param>
    /// <param name="cancellationToken">Ends the enumeration.</param>
    public static IAsyncEnumerable<string> GetKeysByIndexAsync(this HybridCache cache, CacheIndex index, CancellationToken cancellationToken = default) =>
        cache.GetKeysByIndexAsync([index], cancellationToken);

    /// <summary>How many entries belong to all of one or several sets. Each is looked at, so it takes as long as reading their keys.</summary>
    /// <param name="cache">A cache that <c>AddLarder</c> gave the application, or a view of it.</param>
    /// <param name="indexes">The sets, at least one.</param>
    /// <param name="cancellationToken">Ends the counting.</param>
    /// <exception cref="NotSupportedException">The second level cannot keep sets.</exception>
    /// <exception cref="SecondLevelException">The server did not answer.</exception>
    public static async ValueTask<long> CountByIndexAsync(this HybridCache cache, IReadOnlyCollection<CacheIndex> indexes, CancellationToken cancellationToken = default) =>
        await cache.GetKeysByIndexAsync(indexes, cancellationToken).LongCountAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>How many entries belong to a set. Each is looked at, so it takes as long as reading their keys.</summary>
    /// <inheritdoc cref="CountByIndexAsync(HybridCache, IReadOnlyCollection{CacheIndex}, CancellationToken)"/>
    /// <param name="cache">A cache that <c>AddLarder</c> gave the application, or a view of it.</param>
    /// <param name="index">The set.</param>
    /// <param name="cancellationToken">Ends the counting.</param>
    public static ValueTask<long> CountByIndexAsync(this HybridCache cache, CacheIndex index, CancellationToken cancellationToken = default) =>
        cache.CountByIndexAsync([index], cancellationToken);

    /// <summary>Removes the entries that belong to all of one or several sets, on all nodes.</summary>
    /// <param name="cache">A cache that <c>AddLarder</c> gave the application, or a view of it.</param>
    /// <param name="indexes">The sets, at least one.</param>
    /// <param name="cancellationToken">Ends the call; what was removed before stays removed.</param>
    /// <returns>How many were removed. An entry that is stored while this runs may or may not be among them.</returns>
    /// <exception cref="NotSupportedException">The second level cannot keep sets.</exception>
    /// <exception cref="SecondLevelException">The server did not answer; some may have been removed.</exception>
    public static ValueTask<long> RemoveByIndexAsync(this HybridCache cache, IReadOnlyCollection<CacheIndex> indexes, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(indexes);
        var larder = ScopedHybridCache.From(cache);
        return larder.Engine.RemoveByIndexAsync(larder.State, [.. indexes], cancellationToken);
    }

    /// <inheritdoc cref="RemoveByIndexAsync(HybridCache, IReadOnlyCollection{CacheIndex}, CancellationToken)"/>
    /// <param name="cache">A cache that <c>AddLarder</c> gave the application, or a view of it.</param>
    /// <param name="index">The set.</param>
    /// <param name="cancellationToken">Ends the call; what was removed before stays removed.</param>
    public static ValueTask<long> RemoveByIndexAsync(this HybridCache cache, CacheIndex index, CancellationToken cancellationToken = default) =>
        cache.RemoveByIndexAsync([index], cancellationToken);
}
