using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Larder.Http;

/// <summary>Which responses are stored, and how long.</summary>
internal sealed class ResponseRules(TimeProvider time)
{
    /// <summary>The response is a user's, of whom the request was not known yet.</summary>
    public const string Authenticated = "authenticated";

    /// <summary>Nobody knows how the response would have ended.</summary>
    public const string Aborted = "aborted";

    private const string Directives = "cache-control";

    /// <summary>Whether a response that has begun and is not stored for that reason is not stored however it ends. An endpoint may still say how long it is served.</summary>
    public static bool IsFinal(string reason, HttpResponse response) => reason != Directives || new CacheControl(response.Headers, default).ForbidsStoring;

    /// <summary>A response of a request that computes a page: how it is to be stored, or the reason why not as <c>Cache-Status</c> shows it.</summary>
    public (PageTerms? Terms, string? Reason) Decide(HttpContext context, PageRequest request, RouteTerms route)
    {
        var response = context.Response;
        if (request.IsCutShort)
        {
            return (null, Aborted);
        }

        if (route.For(request.Status) is not { } byRoute)
        {
            return (null, "status");
        }

        // Where the output cache runs before authentication, only the response knows who asked.
        if (!route.IsForUser && UserKey.IsKnown(context.User))
        {
            return (null, Authenticated);
        }

        if (!StringValues.IsNullOrEmpty(response.Headers.SetCookie))
        {
            return (null, "set-cookie");
        }

        // A response that depends on a header which the key does not hold fits only its own request.
        if (!route.Covers(request.Vary ?? response.Headers.Vary, request.IsEncodedOutside))
        {
            return (null, "vary");
        }

        var control = new CacheControl(response.Headers, time.GetUtcNow());
        var expiration = request.Response.Expiration ?? control.Freshness ?? byRoute;
        if (control.ForbidsStoring || expiration <= TimeSpan.Zero)
        {
            return (null, Directives);
        }

        if (request.Response.IsNotStored)
        {
            return (null, "endpoint");
        }

        return control.ForbidsStale
            ? (new PageTerms(expiration, TimeSpan.Zero, TimeSpan.Zero), null)
            : (new PageTerms(expiration, control.StaleWhileRevalidate, control.StaleIfError), null);
    }
}
