using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Larder.Http;

/// <summary>
/// Looks at the order of middleware when the application starts. What can only go wrong and does harm stops it; what is likely wrong is logged.
/// </summary>
internal sealed class PipelineCheck(IServiceProvider services, ILogger<PipelineCheck> logger) : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        // Filters that come before this one may have put something in front; these marks are what the framework itself goes by.
        var before = (app.Properties.ContainsKey("__EndpointRouteBuilder") ? PipelineStep.Routing : PipelineStep.None)
            | (app.Properties.ContainsKey("__AuthenticationMiddlewareSet") ? PipelineStep.Authentication : PipelineStep.None)
            | (app.Properties.ContainsKey("__AuthorizationMiddlewareSet") ? PipelineStep.Authorization : PipelineStep.None);
        app.Use(first =>
        {
            // All that comes after has been built.
            Check(new Pipeline(first, before));
            return first;
        });
        next(app);
    };

    private void Check(Pipeline pipeline)
    {
        if (services.GetService<CacheRoutePolicy>() is not null)
        {
            var options = services.GetRequiredService<IOptions<LarderOutputCacheOptions>>().Value;

            // Those in branches that answer by themselves have no endpoints.
            var caches = pipeline.Places(PipelineStep.Cache).Where(static cache => cache.After.HasFlag(PipelineStep.Endpoint)).ToArray();
            foreach (var cache in caches)
            {
                CheckCache(cache, options, isOnly: caches.Length == 1);
            }
        }

        if (services.GetService<HttpScopeResolver>()?.Settings is { } settings)
        {
            foreach (var scope in pipeline.Places(PipelineStep.Scope))
            {
                CheckScope(scope, [.. settings.Tenant, .. settings.Project]);
            }
        }
    }

    private void CheckCache(Pipeline.Place cache, LarderOutputCacheOptions options, bool isOnly)
    {
        bool IsCertain(PipelineStep step) => isOnly && cache.IsOnTrunk && cache.AfterOnTrunk.HasFlag(step);
        var route = CachedEndpoints.Routes(services).Select(static found => found.Endpoint).FirstOrDefault();
        if (cache.Precedes(PipelineStep.Routing) && route is not null)
        {
            logger.CacheBeforeRouting(route.DisplayName);
        }

        if (cache.Precedes(PipelineStep.Scope))
        {
            if (route is not null && IsCertain(PipelineStep.Scope))
            {
                throw new InvalidOperationException(
                    $"app.UseLarderOutputCache() or app.UseOutputCache() comes before app.UseLarderScope(), so the cache does not know whose page the endpoint '{route.DisplayName}' answers with. Call app.UseLarderScope() first.");
            }

            logger.CacheBeforeScope();
        }

        var forUsers = CachedEndpoints.Routes(services).Where(found => found.Route.Terms(options, services).IsForUser).Select(static found => found.Endpoint).ToArray();
        if (cache.Precedes(PipelineStep.Authorization))
        {
            // The user is known, the page is found, and nobody has asked whether the user may still see it.
            if (forUsers.FirstOrDefault(NeedsAuthorization) is { } skipped && IsCertain(PipelineStep.Authorization) && cache.Before.HasFlag(PipelineStep.Authentication))
            {
                throw new InvalidOperationException(
                    $"app.UseLarderOutputCache() or app.UseOutputCache() comes before app.UseAuthorization(), so a page from the cache of the endpoint '{skipped.DisplayName}' would be given without asking whether its user may see it. Call app.UseAuthorization() first.");
            }

            if (Cached().FirstOrDefault(NeedsAuthorization) is { } cached)
            {
                logger.CacheBeforeAuthorization(cached.DisplayName);
            }
        }

        if (cache.Precedes(PipelineStep.Authentication) && (forUsers.FirstOrDefault() ?? Cached().FirstOrDefault(NeedsAuthorization)) is { } unknown)
        {
            logger.CacheBeforeAuthentication(unknown.DisplayName);
        }
    }

    private void CheckScope(Pipeline.Place scope, IScopeRule[] rules)
    {
        if (scope.Precedes(PipelineStep.Routing) && rules.OfType<RouteRule>().FirstOrDefault() is { } route)
        {
            if (scope.IsOnTrunk && scope.AfterOnTrunk.HasFlag(PipelineStep.Routing))
            {
                throw new InvalidOperationException($"app.UseLarderScope() comes before app.UseRouting(), so the {route.Source} never has a value, and tenants would share what they have. Call app.UseRouting() first.");
            }

            logger.ScopeTooEarly(route.Source, "UseRouting");
        }

        if (scope.Precedes(PipelineStep.Authentication) && rules.OfType<ClaimRule>().FirstOrDefault() is { } claim)
        {
            logger.ScopeTooEarly(claim.Source, "UseAuthentication");
        }
    }

    // Whatever the policies of the framework's own pages may say: they are only warned about.
    private IEnumerable<Endpoint> Cached() => CachedEndpoints.Routes(services).Select(static found => found.Endpoint).Concat(CachedEndpoints.All(services).Where(static endpoint =>
        endpoint.Metadata.GetMetadata<IOutputCachePolicy>() is not (null or CacheRouteAttribute) || endpoint.Metadata.GetMetadata<OutputCacheAttribute>() is { NoStore: false }));

    private bool NeedsAuthorization(Endpoint endpoint) =>
        endpoint.Metadata.GetMetadata<IAllowAnonymous>() is null
        && (endpoint.Metadata.GetMetadata<IAuthorizeData>() is not null
            || endpoint.Metadata.GetMetadata<AuthorizationPolicy>() is not null
            || services.GetService<IOptions<AuthorizationOptions>>()?.Value.FallbackPolicy is not null);
}
