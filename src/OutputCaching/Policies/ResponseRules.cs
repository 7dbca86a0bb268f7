using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Larder.Http;

/// <summary>Which responses are stored, and how long.</summary>
internal sealed class ResponseRules(TimeProvider time)
{
    /// <summary>The response is a user's, of whom the request was not known yet.</summary>
    public const string Authenticated = "authenticated";

    /// <summary>A response of a request that computes a page: how it is to be stored, or the reason why not as <c>Cache-Status</c> shows it.</summary>
    public (PageTerms? Terms, string? Reason) Decide(HttpContext context, PageRequest request, RouteTerms route)
    {
        var response = context.Response;
        if (request.IsCutShort)
        {
            return (null, "aborted");
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
        if (!route.Covers(response.Headers.Vary))
        {
            return (null, "vary");
        }

        var control = new CacheControl(response.Headers, time.GetUtcNow());
        var expiration = request.Response.Expiration ?? control.Freshness ?? byRoute;
        if (control.ForbidsStoring || expiration <= TimeSpan.Zero)
        {
            return (null, "cache-control");
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
