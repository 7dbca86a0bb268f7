using Larder.Distributed;
using Microsoft.Extensions.Caching.Distributed;

namespace Larder;

/// <summary>Views of a distributed cache in an explicit scope.</summary>
public static class DistributedCacheScopeExtensions
{
    /// <summary>
    /// The same cache, in <paramref name="scope"/> whatever the ambient scope is. Works with any implementation, and is an <see cref="IBufferDistributedCache"/> if that is one.
    /// One that <c>AddDistributedCache</c> gave the application keeps what it does for values; of another only the keys change.
    /// </summary>
    /// <param name="cache">The cache, or a view of it: the scope of the view is replaced.</param>
    /// <param name="scope">The scope.</param>
    public static IDistributedCache InScope(this IDistributedCache cache, CacheScope scope)
    {
        ArgumentNullException.ThrowIfNull(cache);
        ArgumentNullException.ThrowIfNull(scope);
        return cache is ScopedDistributedCache view ? view.InScope(scope) : ScopedDistributedCache.Create(cache, null, scope);
    }
}
