using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Larder.Http;

/// <summary>Which responses are stored.</summary>
internal static class ResponseRules
{
    /// <summary>The reason as <c>Cache-Status</c> shows it, or null if the response is stored.</summary>
    public static string? WhyNot(HttpContext context)
    {
        var response = context.Response;

        // Nobody reads the rest of such a response, so it may be cut short.
        if (context.RequestAborted.IsCancellationRequested)
        {
            return "aborted";
        }

        if (response.StatusCode != StatusCodes.Status200OK)
        {
            return "status";
        }

        // Where the output cache runs before authentication, only the response knows who asked.
        if (context.User.Identity?.IsAuthenticated == true)
        {
            return "authenticated";
        }

        if (!StringValues.IsNullOrEmpty(response.Headers.SetCookie))
        {
            return "set-cookie";
        }

        // The key holds no header, so a response that depends on one fits only its own request.
        if (!StringValues.IsNullOrEmpty(response.Headers.Vary))
        {
            return "vary";
        }

        return ForbidsStoring(response.Headers.CacheControl) ? "cache-control" : null;
    }

    // As a list of directives rather than parsed: private="x-name" and unknown ones must not slip through.
    private static bool ForbidsStoring(StringValues cacheControl)
    {
        foreach (var line in cacheControl)
        {
            foreach (var directive in (line ?? "").Split(',', StringSplitOptions.TrimEntries))
            {
                if (directive.StartsWith("private", StringComparison.OrdinalIgnoreCase) || directive.StartsWith("no-store", StringComparison.OrdinalIgnoreCase)
                    || directive.StartsWith("no-cache", StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
