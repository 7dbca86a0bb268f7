using Larder.Hybrid;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder;

/// <summary>Views of a cache in an explicit scope.</summary>
public static class HybridCacheScopeExtensions
{
    /// <summary>The same cache, in <paramref name="scope"/> whatever the ambient scope is.</summary>
    /// <param name="cache">A cache that <c>AddLarder</c> gave the application, or a view of it.</param>
    /// <param name="scope">The scope.</param>
    /// <exception cref="ArgumentException"><paramref name="cache"/> is not one of Larder's.</exception>
    public static HybridCache InScope(this HybridCache cache, CacheScope scope)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new ScopedHybridCache(ScopedHybridCache.From(cache).Engine, scope);
    }
}
