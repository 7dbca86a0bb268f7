using Microsoft.AspNetCore.Http;

namespace Larder.Http;

/// <summary>An answer in the format of RFC 9457 that no cache keeps.</summary>
internal static class ScopeProblem
{
    public static Task WriteAsync(HttpContext context, int status, string title, string detail)
    {
        context.Response.Headers.CacheControl = "no-store";
        return TypedResults.Problem(detail, statusCode: status, title: title).ExecuteAsync(context);
    }
}
