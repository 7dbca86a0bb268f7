using Microsoft.AspNetCore.Http;

namespace Larder.Dashboard;

/// <summary>Tells a request that a page of another site makes a browser send, with the credentials of whoever looks at it, from one of our own.</summary>
internal static class RequestOrigin
{
    /// <remarks>
    /// Browsers say it themselves, and pages cannot change what they say: <c>Sec-Fetch-Site</c> over TLS and to the own machine, <c>Origin</c> with every POST. What sends
    /// neither is no browser, and holds no credentials but those its owner gave it.
    /// </remarks>
    public static bool IsElsewhere(HttpRequest request)
    {
        var site = request.Headers["Sec-Fetch-Site"].ToString();
        if (site.Length != 0)
        {
            return site is not ("same-origin" or "none");
        }

        var origin = request.Headers.Origin.ToString();
        var host = origin.IndexOf("://", StringComparison.Ordinal);
        return origin.Length != 0 && (host < 0 || !origin[(host + 3)..].Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase));
    }
}
