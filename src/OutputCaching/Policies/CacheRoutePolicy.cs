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

    /// <summary>Looks for a page without awaiting anything and with hardly anything allocated. What is not in memory is for <see cref="SearchAsync"/>.</summary>
    /// <param name="route">The route.</param>
    /// <param name="http">The request.</param>
    /// <param name="rules">What base policies vary by.</param>
    public PageLook Look(CacheRouteAttribute route, HttpContext http, CacheVaryByRules rules)
    {
        var terms = route.Terms(options.Value, services);
        var scope = scopes.Of(http);
        if ((RequestRules.WhyNot(http, terms) ?? MissingTenant(http, scope)) is { } reason)
        {
            return new PageLook(terms) { Refusal = reason };
        }

        string? own = null;
        if (terms.HasOwnKey && (own = terms.OwnKey(http)) is null)
        {
            return new PageLook(terms) { Refusal = "no-key" };
        }

        var space = store.Engine.Scope(scope).Pages;
        var fields = new KeyFields(stackalloc char[KeyFields.MaximumReadableLength]);
        try
        {
            if (!PageKey.TryAdd(ref fields, rules, http, terms, own))
            {
                return new PageLook(terms) { Refusal = UserKey.Missing };
            }

            var text = fields.Text;
            return store.Engine.TryGetFromMemory<Page>(space, text, terms.Policy, out var found) && PageContent.IsKnown(found.Content)
                ? new PageLook(terms) { Found = found }
                : new PageLook(terms) { Space = space, Key = text.ToString() };
        }
        finally
        {
            fields.Dispose();
        }
    }

    public ValueTask CacheRequestAsync(CacheRouteAttribute route, OutputCacheContext context, PageFeature page)
    {
        var look = page.Look ?? Look(route, context.HttpContext, context.CacheVaryByRules);
        var status = CacheStatus.Attach(context.HttpContext, page, store.Engine.Clock, options.Value.SendCacheStatus);
        context.EnableOutputCaching = true;
        if (look.Refusal is { } reason)
        {
            return Bypass(context, status, reason);
        }

        // An error page that is cached too comes second on the same request.
        page.End();
        if (look.Found is { } found)
        {
            Offer(context, page, found, isLookUp: true);
            return default;
        }

        return SearchAsync(context, page, status, look.Terms, look.Space!, look.Key!);
    }

    /// <summary>Says in the headers of a page from memory, which are sent next, what <see cref="CacheStatus"/> says when a response starts.</summary>
    public void WriteHit(IHeaderDictionary headers, Page page) => CacheStatus.WriteHit(headers, page, store.Engine.Clock, options.Value.SendCacheStatus);

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
