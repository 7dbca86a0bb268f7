using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Features.Authentication;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.Primitives;

namespace Larder.Http;

/// <summary>Which requests the cache leaves alone.</summary>
internal static class RequestRules
{
    /// <summary>The reason as <c>Cache-Status</c> shows it, or null if the request may be cached.</summary>
    public static string? WhyNot(OutputCacheContext context, RouteTerms route)
    {
        var request = context.HttpContext.Request;
        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
        {
            return CacheStatus.MethodReason;
        }

        // Where the key holds who asks, it must be known who asks. By the feature: HttpContext.User makes a user where there is none.
        var isAuthenticated = UserKey.IsKnown(context.HttpContext.Features.Find<IHttpAuthenticationFeature>()?.User);
        if (route.IsForUser ? !isAuthenticated : isAuthenticated || !StringValues.IsNullOrEmpty(request.Headers.Authorization))
        {
            return route.IsForUser ? UserKey.Missing : "authenticated";
        }

        // What a GET says in its body is not in the key.
        if (HasBody(context.HttpContext))
        {
            return "request-body";
        }

        return HasControlCharacters(context) ? "control-character" : null;
    }

    private static bool HasBody(HttpContext context) =>
        context.Request.ContentLength > 0
        || !StringValues.IsNullOrEmpty(context.Request.Headers.TransferEncoding)
        || context.Features.Find<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true;

    // The framework separates the parts of its key by two of them and gives up when a part contains one: such
    // requests would all share the empty key.
    private static bool HasControlCharacters(OutputCacheContext context)
    {
        var request = context.HttpContext.Request;
        if (Has(request.Scheme) || Has(request.Host.Value) || Has(request.PathBase.Value) || Has(request.Path.Value))
        {
            return true;
        }

        if (!request.QueryString.HasValue && context.HttpContext.Features.Find<IQueryFeature>() is null)
        {
            return false;
        }

        foreach (var (name, values) in request.Query)
        {
            if (Has(name) || values.Any(Has))
            {
                return true;
            }
        }

        return false;
    }

    // All that char.IsControl knows.
    public static bool Has(string? text) => text.AsSpan().ContainsAnyInRange('\0', '\u001F') || text.AsSpan().ContainsAnyInRange('\u007F', '\u009F');
}
