using Larder.Http;
using Microsoft.AspNetCore.OutputCaching;

namespace Larder;

/// <summary>Drops pages of one tenant, whatever the ambient scope is.</summary>
public static class LarderOutputCacheStoreExtensions
{
    /// <summary>
    /// Drops what has <paramref name="tag"/> in the scope: the same as <c>HybridCache.RemoveByTagAsync</c> there, pages and data alike, on every
    /// node. Without a scope, <c>EvictByTagAsync</c> means that of the running call.
    /// </summary>
    /// <param name="store">The application's output-cache store.</param>
    /// <param name="scope">Whose; its namespace does not matter, because pages have none.</param>
    /// <param name="tag">The tag with its values filled in: <c>product:7</c>.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">The tag is empty or white space, or the store is not Larder's.</exception>
    public static ValueTask EvictByTagAsync(this IOutputCacheStore store, CacheScope scope, string tag, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return From(store).EvictByTagAsync(scope, tag, cancellationToken);
    }

    /// <summary>Drops the pages that <see cref="ICacheRouteFeature.AddIndex"/> has put into a set, and says how many.</summary>
    /// <param name="store">The application's output-cache store.</param>
    /// <param name="scope">Whose; its namespace does not matter, because pages have none.</param>
    /// <param name="index">The set.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">The index is not valid, or the store is not Larder's.</exception>
    /// <exception cref="NotSupportedException">The second level cannot keep sets.</exception>
    /// <exception cref="SecondLevelException">The second level did not answer.</exception>
    public static ValueTask<long> EvictByIndexAsync(this IOutputCacheStore store, CacheScope scope, CacheIndex index, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return From(store).EvictByIndexAsync(scope, index, cancellationToken);
    }

    private static PageStore From(IOutputCacheStore store)
    {
        ArgumentNullException.ThrowIfNull(store);
        return store as PageStore
            ?? throw new ArgumentException($"{store.GetType()} is not Larder's store. Call services.AddLarder().AddOutputCaching(), and register no other store after it.", nameof(store));
    }
}
