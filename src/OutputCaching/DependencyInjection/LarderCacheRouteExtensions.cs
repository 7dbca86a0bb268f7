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
        ArgumentNullException.ThrowIfNull(builder);
        var route = new CacheRouteAttribute();
        configure?.Invoke(route);
        return builder.WithMetadata(route);
    }

    /// <summary>As <see cref="CacheRouteAttribute.Policy"/>: what a named policy says, and over it what <paramref name="configure"/> says.</summary>
    /// <param name="builder">The endpoint or group.</param>
    /// <param name="policy">The policy's name. Not empty.</param>
    /// <param name="configure">What this endpoint has of its own.</param>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    public static TBuilder CacheRoute<TBuilder>(this TBuilder builder, string policy, Action<CacheRouteAttribute>? configure = null)
        where TBuilder : IEndpointConventionBuilder => builder.CacheRoute(route =>
        {
            route.Policy = policy;
            configure?.Invoke(route);
        });
}
