using System.Diagnostics.CodeAnalysis;
using Larder.Health;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps health probes.</summary>
public static class LarderHealthEndpointExtensions
{
    /// <summary>
    /// Maps <c>/health/live</c> (no check: the process answers), <c>/health/ready</c> (checks tagged <c>ready</c>) and <c>/health</c> (all
    /// checks). They answer with JSON: status, duration, and for each check its status, duration, description and data; 200 for
    /// healthy and degraded, 503 for unhealthy. No cache keeps the answers. Exceptions and their texts are not shown;
    /// descriptions and data of other checks are shown as they are written.
    /// </summary>
    /// <remarks>Where every endpoint needs a tenant, or authorization, exempt these: <c>app.MapLarderHealth().WithoutTenant()</c>.</remarks>
    /// <param name="endpoints">The application.</param>
    /// <param name="pattern">Where they are. Default <c>/health</c>.</param>
    /// <returns>All three endpoints, for further conventions.</returns>
    public static IEndpointConventionBuilder MapLarderHealth(this IEndpointRouteBuilder endpoints, [StringSyntax("Route")] string pattern = "/health")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentException.ThrowIfNullOrWhiteSpace(pattern);
        var group = endpoints.MapGroup(pattern);
        group.MapHealthChecks("/live", Options(static _ => false));
        group.MapHealthChecks("/ready", Options(static check => check.Tags.Contains(LarderHealth.ReadyTag)));
        group.MapHealthChecks("", Options(static _ => true));

        // A policy for the whole application would otherwise cache the probes.
        return group.WithMetadata(new OutputCacheAttribute { NoStore = true });
    }

    private static HealthCheckOptions Options(Func<HealthCheckRegistration, bool> predicate) => new()
    {
        Predicate = predicate,
        ResponseWriter = HealthResponse.WriteAsync,
        AllowCachingResponses = false,
    };
}
