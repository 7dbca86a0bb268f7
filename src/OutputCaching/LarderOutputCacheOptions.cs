namespace Larder;

/// <summary>Settings of output caching.</summary>
public sealed class LarderOutputCacheOptions
{
    /// <summary>How long a page is served where its route does not say. Default 60 seconds. Must be positive.</summary>
    public TimeSpan DefaultExpiration { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Whether responses of cached routes carry <c>Cache-Status</c> (RFC 9211), which tells hit from miss and why something
    /// was not stored. It names no keys. Default <see langword="true"/>.
    /// </summary>
    public bool SendCacheStatus { get; set; } = true;

    /// <summary>
    /// Whether a page whose endpoint gives no <c>ETag</c> gets one: a weak one, new with each run of the endpoint, the same on all nodes. A client that has
    /// the page is then answered with 304 and no body. Default <see langword="true"/>.
    /// </summary>
    public bool SendETag { get; set; } = true;
}
