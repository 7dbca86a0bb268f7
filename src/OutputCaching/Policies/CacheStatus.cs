using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

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

    private string? _reason;
    private TimeSpan _expiration;
    private bool _hit;

    /// <summary>The status of a request, sent with its response unless it is switched off.</summary>
    public static CacheStatus Attach(HttpContext context, bool send)
    {
        var status = new CacheStatus();
        context.Features.Set(status);
        if (send)
        {
            context.Response.OnStarting(static state =>
            {
                var http = (HttpContext)state;
                if (Of(http) is { } status)
                {
                    // Caches between here and the origin come first in the list.
                    http.Response.Headers.Append(HeaderName, status.Describe(http));
                }

                return Task.CompletedTask;
            }, context);
        }

        return status;
    }

    public static CacheStatus? Of(HttpContext context) => context.Features.Get<CacheStatus>();

    /// <summary>The cache leaves the request alone.</summary>
    public void Bypass(string reason) => _reason = reason;

    /// <summary>The cache is asked; until it answers, this is a miss.</summary>
    public void Miss(TimeSpan expiration) => _expiration = expiration;

    /// <summary>The cache had an entry.</summary>
    public void Hit() => _hit = true;

    private string Describe(HttpContext context)
    {
        if (_reason is not null)
        {
            return _reason == MethodReason ? $"{CacheName}; fwd=method" : $"{CacheName}; fwd=bypass; detail={_reason}";
        }

        // The framework asks policies before it looks at the entry's age. What it did serve has an Age, or is a 304.
        var age = context.Response.Headers.Age;
        if (_hit && (!StringValues.IsNullOrEmpty(age) || context.Response.StatusCode == StatusCodes.Status304NotModified))
        {
            return long.TryParse(age, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
                ? string.Create(CultureInfo.InvariantCulture, $"{CacheName}; hit; ttl={(long)_expiration.TotalSeconds - seconds}")
                : $"{CacheName}; hit";
        }

        var outcome = ResponseRules.WhyNot(context) is { } reason ? $"detail={reason}" : "stored";
        return string.Create(CultureInfo.InvariantCulture, $"{CacheName}; fwd=uri-miss; fwd-status={context.Response.StatusCode}; {outcome}");
    }
}
