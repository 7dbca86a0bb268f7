using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Larder.Http;

/// <summary>Whether a client has a page, as the middleware finds it out for pages from the cache.</summary>
internal static class IfNoneMatch
{
    public static bool Holds(HttpRequest request, StringValues etag)
    {
        var asked = request.Headers.IfNoneMatch;
        if (StringValues.IsNullOrEmpty(asked))
        {
            return false;
        }

        if (asked is ["*"])
        {
            return true;
        }

        return EntityTagHeaderValue.TryParse(etag.ToString(), out var own)
            && EntityTagHeaderValue.TryParseList(asked, out var tags)
            && tags.Any(tag => own.Compare(tag, useStrongComparison: false));
    }
}
