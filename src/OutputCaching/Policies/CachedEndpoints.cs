using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Larder.Http;

/// <summary>The endpoints of an application whose responses are cached, as they stand when it starts.</summary>
internal static class CachedEndpoints
{
    /// <summary>Endpoints that <c>[CacheRoute]</c> applies to: of several policies the middleware runs the last, and other methods than GET and HEAD pass.</summary>
    public static IEnumerable<(Endpoint Endpoint, CacheRouteAttribute Route)> Routes(IServiceProvider services) =>
        from endpoint in All(services)
        let route = endpoint.Metadata.GetMetadata<IOutputCachePolicy>() as CacheRouteAttribute
        where route is not null && IsRead(endpoint)
        select (endpoint, route);

    /// <summary>Looks for what a route's first request would find.</summary>
    /// <exception cref="InvalidOperationException">A route names a policy that does not exist, has tags that it cannot fill in, settings that contradict each other, or a policy of the framework beside it.</exception>
    public static void Check(IServiceProvider services)
    {
        var options = services.GetRequiredService<IOptions<LarderOutputCacheOptions>>().Value;
        foreach (var (endpoint, route) in Routes(services))
        {
            try
            {
                if (endpoint.Metadata.GetMetadata<OutputCacheAttribute>() is { NoStore: false })
                {
                    throw new InvalidOperationException("It has [OutputCache] beside it, which the framework runs as well, and which allows what [CacheRoute] refuses. Remove one of them.");
                }

                var terms = route.Terms(options, services);
                foreach (var tag in terms.Tags)
                {
                    if (endpoint is RouteEndpoint { RoutePattern: var pattern })
                    {
                        tag.ThrowIfUnknown(pattern, terms.Query);
                    }
                }
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"The endpoint '{endpoint.DisplayName}' cannot be cached. {exception.Message}", exception);
            }
        }
    }

    public static IEnumerable<Endpoint> All(IServiceProvider services) => services.GetServices<EndpointDataSource>().SelectMany(static source => source.Endpoints);

    private static bool IsRead(Endpoint endpoint) =>
        endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods is not { Count: > 0 } methods || methods.Any(static method => HttpMethods.IsGet(method) || HttpMethods.IsHead(method));
}
