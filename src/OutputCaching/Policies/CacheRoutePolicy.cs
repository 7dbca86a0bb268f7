using System.Globalization;
using Larder.Engine;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Larder.Http;

/// <summary>What <see cref="CacheRouteAttribute"/> does: decides whether a request may be cached and under which key and tags, and whether its response is stored.</summary>
internal sealed class CacheRoutePolicy(PageStore store, ResponseRules rules, IOptions<LarderOutputCacheOptions> options, HttpScopeAccess scopes, IServiceProvider services, ILogger<CacheRoutePolicy> logger)
{
    private int _orderLogged;

    public async ValueTask CacheRequestAsync(CacheRouteAttribute route, OutputCacheContext context, PageFeature page)
    {
        var http = context.HttpContext;
        var terms = route.Terms(options.Value, services);
        var scope = scopes.Of(http);
        var status = CacheStatus.Attach(http, page, options.Value.SendCacheStatus);
        context.EnableOutputCaching = true;
        if ((RequestRules.WhyNot(context, terms) ?? MissingTenant(http, scope)) is { } reason)
        {
            Bypass(context, status, reason);
            return;
        }

        if (!TagTemplate.TryExpand(terms, http, out var tags))
        {
            Bypass(context, status, "no-tag-value");
            return;
        }

        string? own = null;
        if (terms.HasOwnKey && (own = terms.OwnKey(http)) is null)
        {
            Bypass(context, status, "no-key");
            return;
        }

        if (PageKey.Make(context.CacheVaryByRules, http, terms, own) is not { } key)
        {
            Bypass(context, status, UserKey.Missing);
            return;
        }

        // An error page that is cached too comes second on the same request.
        page.Request?.Dispose();
        var request = page.Request = new PageRequest(http, store, store.Engine.Scope(scope).Pages, key);
        http.Features.Set<ICacheRouteFeature>(request.Response);
        status.Begin(request, terms, rules, store.Engine.Clock);
        context.AllowLocking = false;
        if (HeaderUtilities.ContainsCacheDirective(http.Request.Headers.CacheControl, CacheControlHeaderValue.OnlyIfCachedString))
        {
            // The middleware answers 504 when the store has nothing.
            await request.LookAsync().ConfigureAwait(false);
            context.AllowCacheLookup = true;
        }
        else
        {
            await request.FindAsync(terms.Policy, tags).ConfigureAwait(false);
            context.AllowCacheLookup = request.Found is not null;
        }

        context.AllowCacheStorage = request.Leads;
        if (request.Leads && terms.ETag == CacheRouteETag.Content)
        {
            request.Body = HeldBody.Begin(http, request.ClientLeft);
        }
        else if (request.Leads && terms.ETag == CacheRouteETag.Generation)
        {
            // Before the endpoint runs, because what its first write finds in the headers is what is stored.
            http.Response.Headers.ETag = request.ETag = string.Create(CultureInfo.InvariantCulture, $"W/\"{RandomId.Next():x16}\"");
        }

        if (context.AllowCacheLookup || context.AllowCacheStorage)
        {
            PageKey.Replace(context.CacheVaryByRules, request.Ticket);
        }
    }

    public static ValueTask ServeFromCacheAsync(OutputCacheContext context, PageFeature page)
    {
        var http = context.HttpContext;
        if (page.Request is { Found: { } found })
        {
            page.Status?.Hit();
            if (found.Status != StatusCodes.Status200OK)
            {
                // Only a 200 can be "not modified"; the middleware does not ask.
                http.Request.Headers.IfNoneMatch = default;
                http.Request.Headers.IfModifiedSince = default;
            }
        }

        return default;
    }

    public ValueTask ServeResponseAsync(CacheRouteAttribute route, OutputCacheContext context, PageFeature page)
    {
        var http = context.HttpContext;
        if (page.Request is not { Leads: true } request)
        {
            context.AllowCacheStorage = false;
            return default;
        }

        (request.Terms, var reason) = rules.Decide(http, request, route.Terms(options.Value, services));
        if (reason == ResponseRules.Authenticated && Interlocked.Exchange(ref _orderLogged, 1) == 0)
        {
            logger.AuthenticatedTooLate(http.GetEndpoint()?.DisplayName);
        }

        if (reason is not null)
        {
            context.AllowCacheStorage = false;
            request.End(reason == "aborted" || http.Response.StatusCode >= StatusCodes.Status500InternalServerError ? PageOutcome.Failed : PageOutcome.NotStored);
        }

        return request.Body is null ? default : request.EndBodyAsync(isStored: reason is null);
    }

    private static void Bypass(OutputCacheContext context, CacheStatus status, string reason)
    {
        // For an endpoint that speaks to it in any case.
        context.HttpContext.Features.Set<ICacheRouteFeature>(new RouteResponse());
        context.EnableOutputCaching = false;
        context.AllowCacheLookup = false;
        context.AllowCacheStorage = false;
        status.Bypass(reason);
    }

    private static string? MissingTenant(HttpContext http, CacheScope scope) =>
        scope.Tenant is null && http.GetEndpoint()?.Metadata.GetMetadata<ITenantRequirement>()?.StatusCodeWithoutTenant is not null ? "no-tenant" : null;
}
