using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Larder.Http;

/// <summary>What <see cref="CacheRouteAttribute"/> does: decides whether a request may be cached, and under which key and tags.</summary>
/// <remarks>
/// The key contains a number that lives exactly as long as no tag of the page is invalidated (<see cref="PageGenerations"/>). So
/// one invalidation drops data and pages on every node, and a page that was computed before it is stored under a key that
/// nobody asks for any more.
/// </remarks>
internal sealed class CacheRoutePolicy(PageGenerations generations, PageKey keys, IOptions<LarderOutputCacheOptions> options, IServiceProviderIsService services)
{
    private readonly bool _hasHttpScope = services.IsService(typeof(HttpScopeResolver));

    public static CacheRoutePolicy From(OutputCacheContext context) =>
        context.HttpContext.RequestServices.GetService<CacheRoutePolicy>()
        ?? throw new InvalidOperationException("CacheRoute needs its services. Call services.AddLarder().AddOutputCaching().");

    public async ValueTask CacheRequestAsync(CacheRouteAttribute route, OutputCacheContext context, CancellationToken cancellationToken)
    {
        var http = context.HttpContext;
        var status = CacheStatus.Attach(http, options.Value.SendCacheStatus);
        var scope = Scope(http);
        context.EnableOutputCaching = true;
        if ((RequestRules.WhyNot(context) ?? MissingTenant(http, scope)) is { } reason)
        {
            Bypass(context, status, reason);
            return;
        }

        if (!TagTemplate.TryExpand(route, http, out var tags))
        {
            Bypass(context, status, "no-tag-value");
            return;
        }

        var expiration = route.Duration > 0 ? TimeSpan.FromSeconds(route.Duration) : options.Value.DefaultExpiration;
        long generation;
        try
        {
            generation = await generations.GetAsync(scope, tags, expiration, cancellationToken).ConfigureAwait(false);
        }
        catch (SecondLevelException)
        {
            // Asked for by LarderOptions.OnReadFailure, which is about data. A page that cannot be looked for is computed.
            Bypass(context, status, "no-answer");
            return;
        }

        keys.Apply(context.CacheVaryByRules, http.Request, scope, route.Query, generation);
        foreach (var tag in tags)
        {
            context.Tags.Add(PageTag.Text(scope, tag));
        }

        context.AllowCacheLookup = true;
        context.AllowCacheStorage = true;

        // The framework's lock fails every waiting request when the client of the first one leaves. Data loads are
        // collapsed by the data cache; computing a page twice costs less than failing one.
        context.AllowLocking = false;
        context.ResponseExpirationTimeSpan = expiration;
        status.Miss(expiration);
    }

    public static ValueTask ServeFromCacheAsync(OutputCacheContext context)
    {
        CacheStatus.Of(context.HttpContext)?.Hit();
        return default;
    }

    public static ValueTask ServeResponseAsync(OutputCacheContext context)
    {
        if (ResponseRules.WhyNot(context.HttpContext) is not null)
        {
            context.AllowCacheStorage = false;
        }

        return default;
    }

    private static void Bypass(OutputCacheContext context, CacheStatus status, string reason)
    {
        context.EnableOutputCaching = false;
        context.AllowCacheLookup = false;
        context.AllowCacheStorage = false;
        status.Bypass(reason);
    }

    // Pages have no namespace: that of the ambient scope says whose data a service reads, not whose page this is.
    private CacheScope Scope(HttpContext http)
    {
        if (http.Features.Get<IHttpScopeFeature>() is { } feature)
        {
            return feature.Scope;
        }

        return _hasHttpScope
            ? throw new InvalidOperationException("The output cache ran before the scope of the request was known. Call app.UseLarderScope() before app.UseOutputCache().")
            : PageTag.PageScope(CacheScope.Current);
    }

    private static string? MissingTenant(HttpContext http, CacheScope scope) =>
        scope.Tenant is null && http.GetEndpoint()?.Metadata.GetMetadata<ITenantRequirement>()?.StatusCodeWithoutTenant is not null ? "no-tenant" : null;
}
