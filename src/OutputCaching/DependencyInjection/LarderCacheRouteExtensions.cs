using Larder;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Caches endpoints that are built in code.</summary>
public static class LarderCacheRouteExtensions
{
    /// <summary>As <see cref="CacheRouteAttribute"/>, for minimal APIs and groups.</summary>
    /// <param name="builder">The endpoint or group.</param>
    /// <param name="configure">For example <c>route => route.Tags = ["product:{id}"]</c>.</param>
    public static TBuilder CacheRoute<TBuilder>(this TBuilder builder, Action<CacheRouteAttribute>? configure = null)
        where TBuilder : IEndpointConventionBuilder
    {
        var route = new CacheRouteAttribute();
        configure?.Invoke(route);
        return builder.WithMetadata(route);
    }
}
