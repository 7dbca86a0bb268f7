using Larder;
using Microsoft.AspNetCore.Http;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Which endpoints need a tenant.</summary>
public static class LarderTenantEndpointExtensions
{
    /// <summary>As <see cref="RequireTenantAttribute"/>, for endpoints and groups built in code.</summary>
    /// <param name="builder">The endpoint or group.</param>
    /// <param name="statusCode">What a request without a tenant gets: 400 (default) or 404.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="statusCode"/> is neither.</exception>
    public static TBuilder RequireTenant<TBuilder>(this TBuilder builder, int statusCode = StatusCodes.Status400BadRequest)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new RequireTenantAttribute(statusCode));

    /// <summary>As <see cref="WithoutTenantAttribute"/>, for endpoints and groups built in code.</summary>
    /// <param name="builder">The endpoint or group.</param>
    public static TBuilder WithoutTenant<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new WithoutTenantAttribute());
}
