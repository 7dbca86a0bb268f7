using System.Diagnostics.CodeAnalysis;
using Larder.Hybrid;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder;

/// <summary>Makes resources of a cache.</summary>
public static class HybridCacheResourceExtensions
{
    /// <summary>A kind of thing whose reads are cached, in the cache's scope. It holds nothing; make one where it is needed, or keep it.</summary>
    /// <typeparam name="TId">The type of the id.</typeparam>
    /// <param name="cache">A cache that <c>AddLarder</c> gave the application, or a view of it.</param>
    /// <param name="name">Its name: letters, digits, '.', '_' and '-', 64 characters at most.</param>
    /// <param name="policy">What its reads want where they do not say themselves.</param>
    /// <exception cref="ArgumentException"><paramref name="cache"/> is not one of Larder's, or <paramref name="name"/> is no name.</exception>
    public static CacheResource<TId> Resource<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties | DynamicallyAccessedMemberTypes.PublicFields)] TId>(
        this HybridCache cache, string name, CacheEntryPolicy? policy = null) =>
        new(ScopedHybridCache.From(cache), name, policy);
}
