namespace Larder;

public sealed partial class CacheNamespace
{
    /// <inheritdoc cref="HybridCacheIndexExtensions.GetByIndexAsync{T}(Microsoft.Extensions.Caching.Hybrid.HybridCache, IReadOnlyCollection{CacheIndex}, CancellationToken)"/>
    public IAsyncEnumerable<KeyValuePair<string, T?>> GetByIndexAsync<T>(IReadOnlyCollection<CacheIndex> indexes, CancellationToken cancellationToken = default) =>
        Cache.GetByIndexAsync<T>(indexes, cancellationToken);

    /// <summary>The entries that belong to a set, each key once, in no order, read page by page as the enumeration goes on.</summary>
    /// <typeparam name="T">The type of the values; entries of another type are left out.</typeparam>
    /// <param name="name">What the set is about.</param>
    /// <param name="value">Whose it is.</param>
    /// <param name="cancellationToken">Ends the enumeration.</param>
    /// <exception cref="NotSupportedException">The second level cannot keep sets.</exception>
    /// <exception cref="SecondLevelException">While enumerating: the server did not answer.</exception>
    public IAsyncEnumerable<KeyValuePair<string, T?>> GetByIndexAsync<T>(string name, string value, CancellationToken cancellationToken = default) =>
        Cache.GetByIndexAsync<T>([new CacheIndex(name, value)], cancellationToken);

    /// <inheritdoc cref="HybridCacheIndexExtensions.GetKeysByIndexAsync(Microsoft.Extensions.Caching.Hybrid.HybridCache, IReadOnlyCollection{CacheIndex}, CancellationToken)"/>
    public IAsyncEnumerable<string> GetKeysByIndexAsync(IReadOnlyCollection<CacheIndex> indexes, CancellationToken cancellationToken = default) =>
        Cache.GetKeysByIndexAsync(indexes, cancellationToken);

    /// <summary>The keys of the entries that belong to a set.</summary>
    /// <inheritdoc cref="GetByIndexAsync{T}(string, string, CancellationToken)"/>
    public IAsyncEnumerable<string> GetKeysByIndexAsync(string name, string value, CancellationToken cancellationToken = default) =>
        Cache.GetKeysByIndexAsync([new CacheIndex(name, value)], cancellationToken);

    /// <inheritdoc cref="HybridCacheIndexExtensions.CountByIndexAsync(Microsoft.Extensions.Caching.Hybrid.HybridCache, IReadOnlyCollection{CacheIndex}, CancellationToken)"/>
    public ValueTask<long> CountByIndexAsync(IReadOnlyCollection<CacheIndex> indexes, CancellationToken cancellationToken = default) =>
        Cache.CountByIndexAsync(indexes, cancellationToken);

    /// <summary>How many entries belong to a set. Each is looked at, so it takes as long as reading their keys.</summary>
    /// <inheritdoc cref="GetByIndexAsync{T}(string, string, CancellationToken)"/>
    public ValueTask<long> CountByIndexAsync(string name, string value, CancellationToken cancellationToken = default) =>
        Cache.CountByIndexAsync([new CacheIndex(name, value)], cancellationToken);

    /// <inheritdoc cref="HybridCacheIndexExtensions.RemoveByIndexAsync(Microsoft.Extensions.Caching.Hybrid.HybridCache, IReadOnlyCollection{CacheIndex}, CancellationToken)"/>
    public ValueTask<long> RemoveByIndexAsync(IReadOnlyCollection<CacheIndex> indexes, CancellationToken cancellationToken = default) =>
        Cache.RemoveByIndexAsync(indexes, cancellationToken);

    /// <summary>Removes the entries that belong to a set, on all nodes. Gives how many.</summary>
    /// <inheritdoc cref="GetByIndexAsync{T}(string, string, CancellationToken)"/>
    public ValueTask<long> RemoveByIndexAsync(string name, string value, CancellationToken cancellationToken = default) =>
        Cache.RemoveByIndexAsync([new CacheIndex(name, value)], cancellationToken);
}
