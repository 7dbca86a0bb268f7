using Microsoft.AspNetCore.Http;

namespace Larder;

/// <summary>
/// A part of the key that the application works out, for attributes (<see cref="CacheRouteAttribute.KeyType"/>). One instance serves all requests of a
/// route at once; it is made by the application's services, from singletons.
/// </summary>
public interface ICacheRouteKey
{
    /// <summary>
    /// On what the page depends besides what the key holds anyway. Requests for which it is the same share a page, so it must hold all of what the
    /// response takes from where it looks.
    /// </summary>
    /// <param name="context">The request, before its endpoint runs.</param>
    /// <returns>
    /// A text or what <see cref="CacheKey.FromParts"/> takes (simple values, tuples, sequences); <see langword="null"/> or an empty text if the request is not to be cached.
    /// </returns>
    object? GetKey(HttpContext context);
}
