using Larder.Http;
using Microsoft.AspNetCore.OutputCaching;

namespace Larder;

/// <summary>Drops pages alone. To drop data and pages together, call <c>HybridCache.RemoveByTagAsync</c>.</summary>
public static class LarderOutputCacheStoreExtensions
{
    /// <summary>
    /// Removes the pages of one tenant that have <paramref name="tag"/> from this store. <c>HybridCache.RemoveByTagAsync</c> makes
    /// the same pages unreachable on every node together with the data; this gives their memory back at once.
    /// </summary>
    /// <param name="store">The application's output-cache store.</param>
    /// <param name="scope">Whose pages; its namespace does not matter.</param>
    /// <param name="tag">The tag with its values filled in: <c>product:7</c>.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">The tag is empty or white space.</exception>
    public static ValueTask EvictByTagAsync(this IOutputCacheStore store, CacheScope scope, string tag, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentException.ThrowIfNullOrWhiteSpace(tag);
        return store.EvictByTagAsync(PageTag.Text(scope, tag), cancellationToken);
    }
}
