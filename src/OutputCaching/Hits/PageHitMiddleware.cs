using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Larder.Http;

/// <summary>
/// Stands right before the framework's output cache and answers requests whose page is in memory. Whatever is more than that (a page to be computed, fetched or renewed, a client that has a copy
/// already, a page without a body, policies of the framework's beside the route's) goes on to it.
/// </summary>
/// <remarks>
/// What the framework's middleware does with a page that our store gives it is done here with the same page, without what it needs to serve pages of any store: a key for the store, locks by that key,
/// and headers read anew for each request. Who may have which page is decided by <see cref="CacheRoutePolicy.Look"/>, for both.
/// </remarks>
internal sealed class PageHitMiddleware(RequestDelegate next, CacheRoutePolicy policy, IOptions<OutputCacheOptions> options)
{
    // A client takes a long body as fast as it can, and what waits for it stays small.
    private const int SliceLength = 64 * 1024;

    // Of a request that no policy has touched. Nobody writes to them.
    private static readonly CacheVaryByRules NoRules = new();

    private readonly OutputCacheOptions _options = options.Value;
    private readonly bool _knowsBasePolicies = FrameworkInternals.KnowsBasePolicies(options.Value);

    public Task InvokeAsync(HttpContext context)
    {
        try
        {
            return AnswerAsync(context);
        }
        catch (Exception exception)
        {
            // The framework fails by its task. Middleware outside that undoes something when the task ends relies on there being one.
            return Task.FromException(exception);
        }
    }

    private Task AnswerAsync(HttpContext context)
    {
        if (FindRoute(context) is not { } route
            || context.Features.Find<PageFeature>() is not { } page

            // What an earlier pass of this request has begun in the cache is to be ended; it is that of an error page now.
            || page.Status is not null
            || IsConditional(context.Request.Headers))
        {
            return next(context);
        }

        var look = policy.Look(route, context, NoRules);

        // A response without a body has not begun when this returns and may yet become another one, in whose headers nothing may be said of this page. The framework's way says it when it begins.
        if (look.Found is { } found && found.Response is { Body.IsEmpty: false } response)
        {
            context.Response.StatusCode = found.Status;
            var headers = context.Response.Headers;
            response.CopyTo(headers);
            policy.WriteHit(headers, found);
            return WriteAsync(context, response.Body);
        }

        // The policy takes it before this call returns, because nothing between here and there awaits. If anything did, it would look again.
        page.Look = look;
        try
        {
            return next(context);
        }
        finally
        {
            page.Look = null;
        }
    }

    // The framework runs all base policies, the last policy of the endpoint, and the last [OutputCache] of it.
    private CacheRouteAttribute? FindRoute(HttpContext context) =>
        context.Features.Find<IEndpointFeature>()?.Endpoint?.Metadata is { } metadata
        && metadata.GetMetadata<IOutputCachePolicy>() is CacheRouteAttribute route
        && metadata.GetMetadata<OutputCacheAttribute>() is null
        && _knowsBasePolicies
        && FrameworkInternals.BasePolicies(_options) is [PlainPagePolicy]
            ? route : null;

    private static bool IsConditional(IHeaderDictionary headers) => !StringValues.IsNullOrEmpty(headers.IfNoneMatch) || !StringValues.IsNullOrEmpty(headers.IfModifiedSince);

    private static async Task WriteAsync(HttpContext context, ReadOnlyMemory<byte> body)
    {
        try
        {
            // The writer and not the stream, because it flushes what others have put between here and the client.
            var target = context.Response.BodyWriter;
            var aborted = context.RequestAborted;
            for (; body.Length > SliceLength; body = body[SliceLength..])
            {
                await target.WriteAsync(body[..SliceLength], aborted).ConfigureAwait(false);
            }

            await target.WriteAsync(body, aborted).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            context.Abort();
        }
    }
}
