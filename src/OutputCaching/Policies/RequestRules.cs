using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Features.Authentication;
using Microsoft.Extensions.Primitives;

namespace Larder.Http;

/// <summary>Which requests the cache leaves alone.</summary>
internal static class RequestRules
{
    /// <summary>Why a request with control characters is left alone.</summary>
    public const string ControlCharacter = "control-character";

    /// <summary>The reason as <c>Cache-Status</c> shows it, or null if the request may be given a page with its key. Before one is stored, <see cref="IsPrintable"/> must hold.</summary>
    public static string? WhyNot(HttpContext context, RouteTerms route)
    {
        var request = context.Request;
        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
        {
            return CacheStatus.MethodReason;
        }

        // Where the key holds who asks, it must be known who asks. By the feature: HttpContext.User makes a user where there is none.
        var isAuthenticated = UserKey.IsKnown(context.Features.Find<IHttpAuthenticationFeature>()?.User);
        if (route.IsForUser ? !isAuthenticated : isAuthenticated || !StringValues.IsNullOrEmpty(request.Headers.Authorization))
        {
            return route.IsForUser ? UserKey.Missing : "authenticated";
        }

        // What a GET says in its body is not in the key.
        if (HasBody(context))
        {
            return "request-body";
        }

        return IsQueryPrintable(context) ? null : ControlCharacter;
    }

    /// <summary>
    /// Whether nothing in the key holds control characters. The framework separates the parts of its key by two of them and gives up when a part contains one: such requests
    /// would all share the empty key. They are not stored, so no key of a page holds any, and a request whose page was found need not be looked through.
    /// </summary>
    public static bool IsPrintable(HttpRequest request) => !(Has(request.Scheme) || Has(request.Host.Value) || Has(request.PathBase.Value) || Has(request.Path.Value));

    private static bool HasBody(HttpContext context) =>
        context.Request.ContentLength > 0
        || !StringValues.IsNullOrEmpty(context.Request.Headers.TransferEncoding)
        || context.Features.Find<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true;

    // All of it, also what is not in the key.
    private static bool IsQueryPrintable(HttpContext context)
    {
        if (!context.Request.QueryString.HasValue && context.Features.Find<IQueryFeature>() is null)
        {
            return true;
        }

        foreach (var (name, values) in context.Request.Query)
        {
            if (Has(name) || values.Any(Has))
            {
                return false;
            }
        }

        return true;
    }

    // All that char.IsControl knows.
    public static bool Has(string? text) => text.AsSpan().ContainsAnyInRange('\0', '\u001F') || text.AsSpan().ContainsAnyInRange('\u007F', '\u009F');
}
