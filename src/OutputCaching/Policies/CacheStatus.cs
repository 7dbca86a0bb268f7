using System.Globalization;
using Larder.Engine;
using Microsoft.AspNetCore.Http;

namespace Larder.Http;

/// <summary>
/// The <c>Cache-Status</c> header of RFC 9211, which tells a reader what the cache did: <c>larder; hit; ttl=42</c>,
/// <c>larder; fwd=uri-miss; fwd-status=200; stored</c>, <c>larder; fwd=bypass; detail=authenticated</c>. Keys never appear in it.
/// </summary>
/// <remarks>
/// It is written when the response starts: what is set then is not stored with the page. Whether the page is stored is
/// settled only when the body is complete; if the client goes away in between, the header has promised too much.
/// </remarks>
internal sealed class CacheStatus
{
    public const string MethodReason = "method";

    private const string HeaderName = "Cache-Status";
    private const string CacheName = "larder";

    private readonly bool _isSent;
    private string? _reason;
    private PageRequest? _request;
    private RouteTerms? _route;
    private ResponseRules? _rules;
    private EngineClock? _clock;
    private bool _hit;

    private CacheStatus(bool isSent) => _isSent = isSent;

    /// <summary>The status of a request, sent with its response unless it is switched off.</summary>
    public static CacheStatus Attach(HttpContext context, PageFeature page, bool send)
    {
        if (page.Status is null)
        {
            context.Response.OnStarting(static state =>
            {
                var http = (HttpContext)state;
                PageFeature.Of(http).Status?.Write(http);
                return Task.CompletedTask;
            }, context);
        }

        // An error page that is cached too comes second on the same request.
        return page.Status = new CacheStatus(send);
    }

    /// <summary>The cache leaves the request alone.</summary>
    public void Bypass(string reason) => _reason = reason;

    /// <summary>The cache is asked; until it answers, this is a miss.</summary>
    public void Begin(PageRequest request, RouteTerms route, ResponseRules rules, EngineClock clock) =>
        (_request, _route, _rules, _clock) = (request, route, rules, clock);

    /// <summary>The middleware serves the page that was found.</summary>
    public void Hit() => _hit = true;

    private void Write(HttpContext context)
    {
        var headers = context.Response.Headers;
        if (_hit && _request?.Found is { } page)
        {
            // Also on 304; and where the middleware has written one, it was by a moment that is none (see PageContent).
            headers.Age = page.AgeSeconds(_clock!.UtcNowMilliseconds).ToString(CultureInfo.InvariantCulture);
        }

        var reason = _request is { Leads: true } ? _rules!.Decide(context, _request, _route!).Reason : _request?.Passed;
        if (reason is not null && _request?.ETag is { } given && headers.ETag == given)
        {
            // There is no page that it could name.
            headers.ETag = default;
        }

        if (_isSent)
        {
            // Caches between here and the origin come first in the list.
            headers.Append(HeaderName, Describe(context, reason));
        }
    }

    private string Describe(HttpContext context, string? reason)
    {
        if (_request is not { } request)
        {
            return _reason == MethodReason ? $"{CacheName}; fwd=method" : $"{CacheName}; fwd=bypass; detail={_reason}";
        }

        if (_hit && request.Found is { } page)
        {
            return request.IsCollapsed
                ? $"{CacheName}; fwd=uri-miss; collapsed"
                : string.Create(CultureInfo.InvariantCulture, $"{CacheName}; hit; ttl={(long)Math.Ceiling(page.Left(_clock!.UtcNowMilliseconds) / 1000d)}");
        }

        var outcome = reason is null ? "stored" : $"detail={reason}";
        return string.Create(CultureInfo.InvariantCulture, $"{CacheName}; fwd={(request.IsRefresh ? "stale" : "uri-miss")}; fwd-status={request.Status}; {outcome}");
    }
}
