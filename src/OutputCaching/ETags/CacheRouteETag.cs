namespace Larder;

/// <summary>Which <c>ETag</c> a page gets whose endpoint gives none. A client that has the page is then answered with 304 and no body.</summary>
public enum CacheRouteETag
{
    /// <summary>None.</summary>
    None,

    /// <summary>A weak one, new with each run of the endpoint, the same on all nodes. Costs nothing. A request that runs the endpoint is answered in full.</summary>
    Generation,

    /// <summary>
    /// A weak one made of the body, so that a page which was computed anew and is as before keeps it. A response is held back until it is complete or longer than 64 KiB;
    /// up to that length a client that has it gets 304 also from a run of the endpoint. A longer one goes out without, and has it when it comes from the cache.
    /// </summary>
    Content,
}
