using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Larder.Dashboard;

/// <summary>The page and its files, and the headers that go with everything from here.</summary>
internal static class DashboardPage
{
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

    public static Task WithHeaders<T>(HttpContext context, T argument, Func<HttpContext, T, Task> serve)
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
        return serve(context, argument);
    }

    public static Task ServeAsync(HttpContext context)
    {
        // Its links are relative, so that they hold below whatever path a proxy adds or takes away. For that the address must end with a slash. At the root of an application
        // below a path all of the address may be that path.
        var path = (context.Request.PathBase + context.Request.Path).Value!;
        if (!path.EndsWith('/'))
        {
            context.Response.StatusCode = StatusCodes.Status302Found;
            context.Response.Headers.Location = $"./{Uri.EscapeDataString(path[(path.LastIndexOf('/') + 1)..])}/";
            return Task.CompletedTask;
        }

        return SendAsync(context, DashboardAssets.Page, "no-cache");
    }

    public static Task ServeAssetAsync(HttpContext context)
    {
        if (context.Request.RouteValues["version"] as string != DashboardAssets.Version || DashboardAssets.Find(context.Request.RouteValues["name"] as string) is not { } asset)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }

        // Its address changes with its content.
        return SendAsync(context, asset, "private, max-age=31536000, immutable");
    }

    private static Task SendAsync(HttpContext context, Asset asset, string cacheControl)
    {
        context.Response.Headers.CacheControl = cacheControl;
        context.Response.Headers.ETag = asset.ETag;
        if (EntityTagHeaderValue.TryParseList(context.Request.Headers.IfNoneMatch, out var known) && known.Any(tag => tag.Tag == asset.ETag || tag.Tag == "*"))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        context.Response.ContentType = asset.ContentType;
        context.Response.ContentLength = asset.Content.Length;
        return context.Response.Body.WriteAsync(asset.Content, context.RequestAborted).AsTask();
    }
}
