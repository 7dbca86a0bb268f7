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

    public PageTickets Tickets => store.Tickets;

    /// <remarks>A page that is in memory is found here, with nothing awaited and hardly anything allocated; all else is <see cref="SearchAsync"/>.</remarks>
    public ValueTask CacheRequestAsync(CacheRouteAttribute route, OutputCacheContext context, PageFeature page)
    {
        var http = context.HttpContext;
        var terms = route.Terms(options.Value, services);
        var scope = scopes.Of(http);
        var status = CacheStatus.Attach(http, page, store.Engine.Clock, options.Value.SendCacheStatus);
        context.EnableOutputCaching = true;
        if ((RequestRules.WhyNot(context, terms) ?? MissingTenant(http, scope)) is { } reason)
        {
            return Bypass(context, status, reason);
        }

        string? own = null;
        if (terms.HasOwnKey && (own = terms.OwnKey(http)) is null)
        {
            return Bypass(context, status, "no-key");
        }

        var space = store.Engine.Scope(scope).Pages;
        string key;
        var fields = new KeyFields(stackalloc char[KeyFields.MaximumReadableLength]);
        try
        {
            if (!PageKey.TryAdd(ref fields, context.CacheVaryByRules, http, terms, own))
            {
                return Bypass(context, status, UserKey.Missing);
            }

            // An error page that is cached too comes second on the same request.
            page.End();
            var text = fields.Text;
            if (store.Engine.TryGetFromMemory<Page>(space, text, terms.Policy, out var found) && PageContent.IsKnown(found.Content))
            {
                Offer(context, page, found, isLookUp: true);
                return default;
            }

            key = text.ToString();
        }
        finally
        {
            fields.Dispose();
        }

        return SearchAsync(context, page, status, terms, space, key);
    }

    private async ValueTask SearchAsync(OutputCacheContext context, PageFeature page, CacheStatus status, RouteTerms terms, ScopeState space, string key)
    {
        var http = context.HttpContext;
        if (!RequestRules.IsPrintable(http.Request))
        {
            await Bypass(context, status, RequestRules.ControlCharacter).ConfigureAwait(false);
            return;
        }

        if (http.GetEndpoint()?.Metadata.GetMetadata<OutputCacheAttribute>() is { NoStore: true })
        {
            // Its say comes after this one, when others would wait for the response already.
            await Bypass(context, status, "endpoint").ConfigureAwait(false);
            return;
        }

        if (!TagTemplate.TryExpand(terms, http, out var tags))
        {
            await Bypass(context, status, "no-tag-value").ConfigureAwait(false);
            return;
        }

        var request = page.Request = new PageRequest(http, store, space, key);
        http.Features.Set<ICacheRouteFeature>(request.Response);
        status.Begin(request, terms, rules);
        var isOnlyIfCached = HeaderUtilities.ContainsCacheDirective(http.Request.Headers.CacheControl, CacheControlHeaderValue.OnlyIfCachedString);
        if (isOnlyIfCached)
        {
            await request.LookAsync().ConfigureAwait(false);
        }
        else
        {
            await request.FindAsync(terms.Policy, tags).ConfigureAwait(false);
        }

        if (request.Leads)
        {
            request.Watch();
        }

        if (request.Leads && terms.ETag == CacheRouteETag.Content)
        {
            request.Body = HeldBody.Begin(http, () => rules.Decide(http, request, terms).Reason is null, request.ClientLeft);
        }
        else if (request.Leads && terms.ETag == CacheRouteETag.Generation)
        {
            // Before the endpoint runs, because what its first write finds in the headers is what is stored.
            http.Response.Headers.ETag = request.ETag = string.Create(CultureInfo.InvariantCulture, $"W/\"{RandomId.Next():x16}\"");
        }

        // The middleware answers 504 when the store has nothing.
        Offer(context, page, request.Found, isLookUp: isOnlyIfCached || request.Found is not null);
    }

    // To the middleware, which asks the store for what stands behind the ticket, or gives it what it has to store.
    private void Offer(OutputCacheContext context, PageFeature page, Page? found, bool isLookUp)
    {
        page.Found = found;
        context.AllowLocking = false;
        context.AllowCacheLookup = isLookUp;
        context.AllowCacheStorage = page.Request is { Leads: true };
        if (context.AllowCacheLookup || context.AllowCacheStorage)
        {
            Tickets.Issue(page);
            PageKey.Replace(context.CacheVaryByRules, Tickets.KeyOf(page.Ticket));
        }
    }

    public static ValueTask ServeFromCacheAsync(OutputCacheContext context, PageFeature page)
    {
        var http = context.HttpContext;
        if (page.Found is { } found)
        {
            page.Status?.Hit(found);
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
        if (page.Request is not { Leads: true } request)
        {
            context.AllowCacheStorage = false;
            return default;
        }

        var terms = route.Terms(options.Value, services);
        var isStored = Decide(context, request, terms);
        return request.Body is null ? default : EndBodyAsync(context, request, terms, isStored);
    }

    private async ValueTask EndBodyAsync(OutputCacheContext context, PageRequest request, RouteTerms terms, bool isStored)
    {
        await request.EndBodyAsync(isStored).ConfigureAwait(false);
        if (isStored)
        {
            // What was held back has begun only now, and a response may be changed when it begins.
            Decide(context, request, terms);
        }
    }

    private bool Decide(OutputCacheContext context, PageRequest request, RouteTerms terms)
    {
        (request.Terms, var reason) = rules.Decide(context.HttpContext, request, terms);
        if (reason == ResponseRules.Authenticated && Interlocked.Exchange(ref _orderLogged, 1) == 0)
        {
            logger.AuthenticatedTooLate(context.HttpContext.GetEndpoint()?.DisplayName);
        }

        if (reason is not null)
        {
            context.AllowCacheStorage = false;
            request.Refuse(reason);
        }

        return reason is null;
    }

    private static ValueTask Bypass(OutputCacheContext context, CacheStatus status, string reason)
    {
        // For an endpoint that speaks to it in any case.
        context.HttpContext.Features.Set<ICacheRouteFeature>(new RouteResponse());
        context.EnableOutputCaching = false;
        context.AllowCacheLookup = false;
        context.AllowCacheStorage = false;
        status.Bypass(reason);
        return default;
    }

    private static string? MissingTenant(HttpContext http, CacheScope scope) =>
        scope.Tenant is null && http.GetEndpoint()?.Metadata.GetMetadata<ITenantRequirement>()?.StatusCodeWithoutTenant is not null ? "no-tenant" : null;
}
