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
    public const string CacheName = "larder";

    private const string HeaderName = "Cache-Status";

    private readonly HttpContext _http;
    private readonly EngineClock _clock;
    private readonly bool _isSent;
    private string? _reason;
    private PageRequest? _request;
    private RouteTerms? _route;
    private ResponseRules? _rules;
    private Page? _hit;

    private CacheStatus(HttpContext http, EngineClock clock, bool isSent) => (_http, _clock, _isSent) = (http, clock, isSent);

    /// <summary>The status of a request, sent with its response unless it is switched off.</summary>
    public static CacheStatus Attach(HttpContext context, PageFeature page, EngineClock clock, bool send)
    {
        if (page.Status is null)
        {
            context.Response.OnStarting(static state =>
            {
                ((PageFeature)state).Status?.Write();
                return Task.CompletedTask;
            }, page);
        }

        // An error page that is cached too comes second on the same request.
        return page.Status = new CacheStatus(context, clock, send);
    }

    /// <summary>The cache leaves the request alone.</summary>
    public void Bypass(string reason) => _reason = reason;

    /// <summary>The cache is asked; until it answers, this is a miss.</summary>
    public void Begin(PageRequest request, RouteTerms route, ResponseRules rules) => (_request, _route, _rules) = (request, route, rules);

    /// <summary>The middleware serves the page that was found.</summary>
    public void Hit(Page page) => _hit = page;

    /// <summary>The headers of a hit.</summary>
    /// <param name="headers">Those of the response.</param>
    /// <param name="page">The page.</param>
    /// <param name="clock">For its age.</param>
    /// <param name="send">Whether <c>Cache-Status</c> is sent.</param>
    /// <param name="isCollapsed">Whether the page was computed for another request meanwhile.</param>
    public static void WriteHit(IHeaderDictionary headers, Page page, EngineClock clock, bool send, bool isCollapsed = false)
    {
        // Also on 304; and where the middleware has written one, it was by a moment that is none (see PageContent).
        var times = page.TimesAt(clock.UtcNowMilliseconds);
        headers.Age = times.AgeText;
        Send(headers, send, isCollapsed ? $"{CacheName}; fwd=uri-miss; collapsed" : times.Status);
    }

    private void Write()
    {
        var headers = _http.Response.Headers;
        if (_hit is { } page)
        {
            // Where something outside of the cache has failed before the response began, an error has taken the page's place.
            if (_http.Response.StatusCode == page.Status || _http.Response.StatusCode == StatusCodes.Status304NotModified)
            {
                WriteHit(headers, page, _clock, _isSent, _request is { IsCollapsed: true });
            }

            return;
        }

        if (_request is not null)
        {
            _request.Vary = headers.Vary;
        }

        var reason = _request is { Leads: true } ? _rules!.Decide(_http, _request, _route!).Reason : _request?.Passed;
        if (reason is not null && _request is { Leads: true } && ResponseRules.IsFinal(reason, _http.Response))
        {
            // It may take long, or never end, as events do.
            _request.Refuse(reason);
        }

        if (reason is not null && _request?.ETag is { } given && headers.ETag == given)
        {
            // There is no page that it could name.
            headers.ETag = default;
        }

        Send(headers, _isSent, _request is not null ? Describe(_request, reason) : _reason == MethodReason ? $"{CacheName}; fwd=method" : $"{CacheName}; fwd=bypass; detail={_reason}");
    }

    // Caches between here and the origin come first in the list.
    private static void Send(IHeaderDictionary headers, bool send, string text)
    {
        if (send)
        {
            headers.Append(HeaderName, text);
        }
    }

    private static string Describe(PageRequest request, string? reason)
    {
        var outcome = reason is null ? "stored" : $"detail={reason}";
        return string.Create(CultureInfo.InvariantCulture, $"{CacheName}; fwd={(request.IsRefresh ? "stale" : "uri-miss")}; fwd-status={request.Status}; {outcome}");
    }
}
