using Larder.Http;
using Microsoft.AspNetCore.OutputCaching;

namespace Larder;

/// <summary>
/// Caches what a route answers to GET and HEAD, apart for every tenant and project. For controllers and actions; on
/// minimal APIs use <c>.CacheRoute(…)</c>. Needs <c>AddOutputCaching</c> and <c>app.UseOutputCache()</c>. Use it instead of
/// <c>[OutputCache]</c>, not beside it: of several policies on an endpoint the framework runs only the last.
/// </summary>
/// <remarks>
/// <para>A page is stored if its status is 200 and it has no <c>Set-Cookie</c>, no <c>Cache-Control: private</c> or <c>no-store</c>,
/// and no <c>Vary</c>. Requests with credentials or a body, and those with control characters in path or query, are
/// neither answered from the cache nor stored.</para>
/// <para>The key is made of scope, method, scheme, host, path and the query parameters of <see cref="Query"/>. What the
/// response depends on besides (other headers, cookies) must not reach it.</para>
/// </remarks>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method | AttributeTargets.Delegate)]
public sealed class CacheRouteAttribute : Attribute, IOutputCachePolicy
{
    private TagTemplate[] _tags = [];
    private int _duration;

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

    internal IReadOnlyList<TagTemplate> Templates => _tags;

    ValueTask IOutputCachePolicy.CacheRequestAsync(OutputCacheContext context, CancellationToken cancellation) =>
        CacheRoutePolicy.From(context).CacheRequestAsync(this, context, cancellation);

    ValueTask IOutputCachePolicy.ServeFromCacheAsync(OutputCacheContext context, CancellationToken cancellation) =>
        CacheRoutePolicy.ServeFromCacheAsync(context);

    ValueTask IOutputCachePolicy.ServeResponseAsync(OutputCacheContext context, CancellationToken cancellation) =>
        CacheRoutePolicy.ServeResponseAsync(context);
}
