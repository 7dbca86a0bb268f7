using Larder.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;

namespace Larder;

/// <summary>
/// Caches what a route answers to GET and HEAD, apart for every tenant and project. For controllers and actions; on
/// minimal APIs use <c>.CacheRoute(…)</c>. Needs <c>AddOutputCaching</c> and <c>app.UseLarderOutputCache()</c>. Use it instead of
/// <c>[OutputCache]</c>, not beside it: of several policies on an endpoint the framework runs only the last.
/// </summary>
/// <remarks>
/// <para>A page is stored if its status is 200 (or one of <see cref="NotFound"/> and <see cref="Statuses"/>) and it has no <c>Set-Cookie</c>, no <c>Cache-Control: private</c>,
/// <c>no-store</c> or <c>no-cache</c>, and no <c>Vary</c> beyond <see cref="Headers"/>. Requests with credentials (unless <see cref="VaryByUser"/> or <see cref="VaryByClaims"/> says
/// otherwise) or with a body, and those with control characters in path or query, are neither answered from the cache nor stored.</para>
/// <para>The key is made of scope, method, scheme, host (also as proxies forward it), path, the query parameters of <see cref="Query"/> and the headers of <see cref="Headers"/>. What the
/// response depends on besides (other headers, cookies) must not reach it, or be put into the key by <see cref="KeyBy"/>.</para>
/// </remarks>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method | AttributeTargets.Delegate)]
public sealed class CacheRouteAttribute : Attribute, IOutputCachePolicy
{
    private const int General = -1;

    // Worked out by the first request. Two at once work out the same.
    private RouteTerms? _terms;

    /// <summary>
    /// The name of a policy that says what this does not: one of <see cref="LarderOutputCacheOptions.AddPolicy"/> or of the section
    /// <c>Larder:OutputCaching:Policies</c>. What is said here wins, a list over the whole list there. An application whose routes name policies that do not exist
    /// does not start. Default none.
    /// </summary>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    public string? Policy
    {
        get => Settings.Policy;
        set
        {
            ArgumentException.ThrowIfNullOrWhiteSpace(value);
            Settings.Policy = value;
        }
    }

    /// <summary>How long a page is served, in seconds. Default 0, which means <see cref="LarderOutputCacheOptions.DefaultExpiration"/>. Not negative.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public int Duration
    {
        get => Seconds(Settings.Duration, 0);
        set => Settings.Duration = Time(value, 0);
    }

    /// <summary>
    /// How long a 404 or 410 is served, in seconds. Default 0: such responses are not cached. Keep it short, because what is missing may be made
    /// by someone who does not know the page's tags. Not negative.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public int NotFound
    {
        get => Seconds(Settings.NotFound, 0);
        set => Settings.NotFound = Time(value, 0);
    }

    /// <summary>
    /// Other statuses that are cached, each with its seconds: <c>["301=3600", "410=60"]</c>. They win over <see cref="NotFound"/>; 0 means not cached. Refused are
    /// 200 (its time is <see cref="Duration"/>), 5xx (see <see cref="StaleIfError"/>), and answers to one client: 1xx, 206, 304, 401, 407, 408, 412, 416, 421, 425, 428, 429
    /// and 431. Default none.
    /// </summary>
    /// <exception cref="ArgumentException">A text is not a status with its seconds, or the status is refused.</exception>
    public string[] Statuses
    {
        get => Settings.Statuses?.Texts ?? [];
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            Settings.Statuses = StatusTimes.Parse(value);
        }
    }

    /// <summary>
    /// For how many seconds after its end a page is still served while one request computes it anew. Default -1, which means
    /// <see cref="LarderOptions.StaleWhileRevalidate"/>. What the response says in <c>Cache-Control</c> comes first.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than -1.</exception>
    public int StaleWhileRevalidate
    {
        get => Seconds(Settings.StaleWhileRevalidate, General);
        set => Settings.StaleWhileRevalidate = Time(value, General);
    }

    /// <summary>
    /// For how many seconds after its end a page may stand in for those who wait for a response that fails (an exception, or a status of 500 and
    /// above). The request that has computed the response gets what it has computed. Default -1, which means <see cref="LarderOptions.StaleIfError"/>. What the
    /// response says in <c>Cache-Control</c> comes first.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than -1.</exception>
    public int StaleIfError
    {
        get => Seconds(Settings.StaleIfError, General);
        set => Settings.StaleIfError = Time(value, General);
    }

    /// <summary>
    /// Tags of a page, by which <c>HybridCache.RemoveByTagAsync</c> drops it in the scope of its tenant. <c>{name}</c> stands
    /// for a route value or for a parameter of <see cref="Query"/>: <c>product:{id}</c>. Integers and GUIDs come in their
    /// usual form, so that <c>/products/007</c> has the tag <c>product:7</c> if the route says <c>{id:int}</c>. <c>{claim:type}</c> stands for a claim of the user, if
    /// the pages are of that user (<see cref="VaryByUser"/>) or of those who agree in it (<see cref="VaryByClaims"/>); several values make several tags. A page for which a
    /// value is missing is not cached, because nothing could drop it. Default none.
    /// </summary>
    /// <exception cref="ArgumentException">A tag is empty, or its braces do not match.</exception>
    public string[] Tags
    {
        get => [.. (Settings.Tags ?? []).Select(tag => tag.Text)];
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            Settings.Tags = [.. value.Select(TagTemplate.Parse)];
        }
    }

    /// <summary>
    /// The query parameters on which the page depends; names have no case. Every other parameter is ignored, so name all
    /// that the endpoint reads. Default none.
    /// </summary>
    public string[] Query
    {
        get => Settings.Query ?? [];
        set => Settings.Query = value;
    }

    /// <summary>
    /// Request headers on which the page depends, like <c>Accept-Language</c>. A response may name them in <c>Vary</c>; one that names others is not
    /// stored. Each value that clients send makes a page of its own, so take only headers with few values. Default none.
    /// </summary>
    public string[] Headers
    {
        get => Settings.Headers ?? [];
        set => Settings.Headers = value;
    }

    /// <summary>
    /// Each authenticated user has pages of their own, by the claim <c>nameidentifier</c> or <c>sub</c>. Requests of nobody, of two users at once, and of users without such a claim,
    /// are not cached. Needs <c>UseAuthentication</c> before <c>UseLarderOutputCache</c>. Default <see langword="false"/>.
    /// </summary>
    public bool VaryByUser
    {
        get => Settings.VaryByUser ?? false;
        set => Settings.VaryByUser = value;
    }

    /// <summary>
    /// Authenticated users who agree in all values of these claims share pages: <c>["role"]</c>. The page must show nothing else of its user. Users who lack
    /// one of the claims are not cached. Default none.
    /// </summary>
    public string[] VaryByClaims
    {
        get => Settings.VaryByClaims ?? [];
        set => Settings.VaryByClaims = value;
    }

    /// <summary>Which <c>ETag</c> the page gets if the endpoint gives none. Default <see cref="LarderOutputCacheOptions.ETag"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is none of those that are named.</exception>
    public CacheRouteETag ETag
    {
        get => Settings.ETag ?? CacheRouteETag.Generation;
        set => Settings.ETag = Enum.IsDefined(value) ? value : throw new ArgumentOutOfRangeException(nameof(value), value, $"There is no ETag '{value}'.");
    }

    /// <summary>
    /// Gives a part of the key that the application works out, besides all others: <c>http => http.Request.Cookies["theme"]</c>. It gives a text or what
    /// <see cref="CacheKey.FromParts"/> takes (simple values, tuples, sequences); a request for which it gives <see langword="null"/> or an empty text is not cached. It is called for each request, by many
    /// at once, and must be quick; if it throws, the request fails. The server sees it hashed. Default none.
    /// </summary>
    public Func<HttpContext, object?>? KeyBy
    {
        get => Settings.KeyBy;
        set => Settings.KeyBy = value;
    }

    /// <summary>As <see cref="KeyBy"/>, for attributes: a type that implements <see cref="ICacheRouteKey"/>. Default none.</summary>
    /// <exception cref="ArgumentException">The type does not implement it, or cannot be made.</exception>
    public Type? KeyType
    {
        get => Settings.KeyType;
        set => Settings.KeyType = value is null || (value is { IsAbstract: false, ContainsGenericParameters: false } && typeof(ICacheRouteKey).IsAssignableFrom(value))
            ? value
            : throw new ArgumentException($"'{value}' is no class that implements {nameof(ICacheRouteKey)}.", nameof(value));
    }

    internal RouteSettings Settings { get; init; } = new();

    /// <summary>Caches responses of another status: one more of <see cref="Statuses"/>.</summary>
    /// <param name="statusCode">As in <see cref="Statuses"/>.</param>
    /// <param name="duration">How long it is served; zero for not at all. Not negative.</param>
    /// <exception cref="ArgumentException">The status is refused, or the time is negative.</exception>
    public void Status(int statusCode, TimeSpan duration) => Settings.Statuses = (Settings.Statuses ?? new StatusTimes()).With(statusCode, duration);

    /// <exception cref="InvalidOperationException">The policy does not exist, or the settings contradict each other.</exception>
    internal RouteTerms Terms(LarderOutputCacheOptions options, IServiceProvider services)
    {
        var known = _terms;
        return known is not null && ReferenceEquals(known.Options, options) ? known : _terms = new RouteTerms(this, options, services);
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

    private static int Seconds(TimeSpan? time, int unset) => time is { } value ? (int)Math.Min(value.TotalSeconds, int.MaxValue) : unset;

    // The value that means "as everywhere" is there so that it can be written; nothing is set by it.
    private static TimeSpan? Time(int seconds, int lowest)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(seconds, lowest);
        return seconds == General ? null : TimeSpan.FromSeconds(seconds);
    }
}
