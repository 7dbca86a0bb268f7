namespace Larder;

/// <summary>
/// What an endpoint may decide about its page while it answers: <c>HttpContext.Features.Get&lt;ICacheRouteFeature&gt;()</c>. There is one on every
/// cached route; where the request is not cached it does nothing. It counts until the endpoint has returned, whether or not the body has begun.
/// </summary>
public interface ICacheRouteFeature
{
    /// <summary>Gives the page a tag besides those of its route: of what it turned out to show.</summary>
    /// <param name="tag">The tag with its values filled in: <c>product:7</c>.</param>
    /// <exception cref="ArgumentException">The tag is empty, white space, too long or <c>*</c>.</exception>
    void AddTag(string tag);

    /// <summary>Puts the page into a set, by which <c>IOutputCacheStore.EvictByIndexAsync</c> drops it.</summary>
    /// <param name="index">The set.</param>
    /// <exception cref="ArgumentException">Its name or value is not valid.</exception>
    void AddIndex(CacheIndex index);

    /// <summary>How long the page is served, whatever its route and its headers say.</summary>
    /// <param name="expiration">Positive.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or negative.</exception>
    void SetExpiration(TimeSpan expiration);

    /// <summary>The response is for this request only.</summary>
    void DoNotStore();
}
