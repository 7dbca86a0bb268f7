using Larder.Http;
using Microsoft.AspNetCore.OutputCaching;

namespace Larder;

/// <summary>
/// Caches what a route answers to GET and HEAD, apart for every tenant and project. For controllers and actions; on
/// minimal APIs use <c>.CacheRoute(…)</c>. Needs <c>AddOutputCaching</c> and <c>app.UseOutputCache()</c>. Use it instead of
/// <c>[OutputCache]</c>, not beside it: of several policies on an endpoint the framework runs only the last.
/// </summary>
/// <remarks>
/// <para>A page is stored if its status is 200 (or one of <see cref="NotFound"/>) and it has no <c>Set-Cookie</c>, no <c>Cache-Control: private</c>,
/// <c>no-store</c> or <c>no-cache</c>, and no <c>Vary</c> beyond <see cref="Headers"/>. Requests with credentials (unless <see cref="VaryByUser"/> or <see cref="VaryByClaims"/> says
/// otherwise) or with a body, and those with control characters in path or query, are neither answered from the cache nor stored.</para>
/// <para>The key is made of scope, method, scheme, host, path, the query parameters of <see cref="Query"/> and the headers of <see cref="Headers"/>. What the
/// response depends on besides (other headers, cookies) must not reach it.</para>
/// </remarks>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method | AttributeTargets.Delegate)]
public sealed class CacheRouteAttribute : Attribute, IOutputCachePolicy
{
    private TagTemplate[] _tags = [];
    private int _duration;
    private int _notFound;
    private int _staleWhileRevalidate = General;
    private int _staleIfError = General;
    private RouteTerms? _terms;

    private const int General = -1;

    /// <summary>How long a page is served, in seconds. Default 0, which means <see cref="LarderOutputCacheOptions.DefaultExpiration"/>. Not negative.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public int Duration
    {
        get => _duration;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            _duration = value;
        }
    }

    /// <summary>
    /// How long a 404 or 410 is served, in seconds. Default 0: such responses are not cached. Keep it short, because what is missing may be made
    /// by someone who does not know the page's tags. Not negative.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public int NotFound
    {
        get => _notFound;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            _notFound = value;
        }
    }

    /// <summary>
    /// For how many seconds after its end a page is still served while one request computes it anew. Default -1, which means
    /// <see cref="LarderOptions.StaleWhileRevalidate"/>. What the response says in <c>Cache-Control</c> comes first.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than -1.</exception>
    public int StaleWhileRevalidate
    {
        get => _staleWhileRevalidate;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, General);
            _staleWhileRevalidate = value;
        }
    }

    /// <summary>
    /// For how many seconds after its end a page may stand in for those who wait for a response that fails (an exception, or a status of 500 and
    /// above). The request that has computed the response gets what it has computed. Default -1, which means <see cref="LarderOptions.StaleIfError"/>. What the
    /// response says in <c>Cache-Control</c> comes first.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than -1.</exception>
    public int StaleIfError
    {
        get => _staleIfError;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, General);
            _staleIfError = value;
        }
    }

    /// <summary>
    /// Tags of a page, by which <c>HybridCache.RemoveByTagAsync</c> drops it in the scope of its tenant. <c>{name}</c> stands
    /// for a route value or for a parameter of <see cref="Query"/>: <c>product:{id}</c>. Integers and GUIDs come in their
    /// usual form, so that <c>/products/007</c> has the tag <c>product:7</c> if the route says <c>{id:int}</c>. A page for which a
    /// value is missing is not cached, because nothing could drop it. Default none.
    /// </summary>
    /// <exception cref="ArgumentException">A tag is empty, or its braces do not match.</exception>
    public string[] Tags
    {
        get => [.. _tags.Select(tag => tag.Text)];
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            _tags = [.. value.Select(TagTemplate.Parse)];
        }
    }

    /// <summary>
    /// The query parameters on which the page depends; names have no case. Every other parameter is ignored, so name all
    /// that the endpoint reads. Default none.
    /// </summary>
    public string[] Query { get; set; } = [];

    /// <summary>
    /// Request headers on which the page depends, like <c>Accept-Language</c>. A response may name them in <c>Vary</c>; one that names others is not
    /// stored. Each value that clients send makes a page of its own, so take only headers with few values. Default none.
    /// </summary>
    public string[] Headers { get; set; } = [];

    /// <summary>
    /// Each authenticated user has pages of their own, by the claim <c>nameidentifier</c> or <c>sub</c>. Requests of nobody, and of users without such a claim,
    /// are not cached. Needs <c>UseAuthentication</c> before <c>UseOutputCache</c>. Default <see langword="false"/>.
    /// </summary>
    public bool VaryByUser { get; set; }

    /// <summary>
    /// Authenticated users who agree in all values of these claims share pages: <c>["role"]</c>. The page must show nothing else of its user. Users who lack
    /// one of the claims are not cached. Default none.
    /// </summary>
    public string[] VaryByClaims { get; set; } = [];

    internal IReadOnlyList<TagTemplate> Templates => _tags;

    internal bool IsForUser => VaryByUser || VaryByClaims.Length > 0;

    // Worked out by the first request. Two at once work out the same.
    internal RouteTerms Terms(LarderOutputCacheOptions options)
    {
        if (_terms is { } known)
        {
            return known;
        }

        var expiration = Duration > 0 ? TimeSpan.FromSeconds(Duration) : options.DefaultExpiration;
        return _terms = new RouteTerms(expiration, TimeSpan.FromSeconds(NotFound), Headers, IsForUser, new CacheEntryPolicy
        {
            Expiration = expiration,
            StaleWhileRevalidate = StaleWhileRevalidate == General ? null : TimeSpan.FromSeconds(StaleWhileRevalidate),
            StaleIfError = StaleIfError == General ? null : TimeSpan.FromSeconds(StaleIfError),

            // These are about the application's data: a page is not one of its types, and its end is told to clients.
            Validate = static _ => true,
            NullIsNotFound = false,
            SlidingExpiration = TimeSpan.Zero,
            Jitter = 0,
        });
    }

    ValueTask IOutputCachePolicy.CacheRequestAsync(OutputCacheContext context, CancellationToken cancellation)
    {
        var page = PageFeature.Of(context.HttpContext);
        return page.Policy.CacheRequestAsync(this, context, page);
    }

    ValueTask IOutputCachePolicy.ServeFromCacheAsync(OutputCacheContext context, CancellationToken cancellation) =>
        CacheRoutePolicy.ServeFromCacheAsync(context, PageFeature.Of(context.HttpContext));

    ValueTask IOutputCachePolicy.ServeResponseAsync(OutputCacheContext context, CancellationToken cancellation)
    {
        var page = PageFeature.Of(context.HttpContext);
        return page.Policy.ServeResponseAsync(this, context, page);
    }
}
