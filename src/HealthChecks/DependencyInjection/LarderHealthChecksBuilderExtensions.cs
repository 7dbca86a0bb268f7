using Larder;
using Larder.Diagnostics;
using Larder.Health;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds health checks of the cache.</summary>
public static class LarderHealthChecksBuilderExtensions
{
    /// <summary>
    /// Adds a check that the cache's server answers, over the connection that the cache uses; it opens none of its own. Without a
    /// server it is healthy. While one of the cache's circuit breakers is open it is <see cref="HealthStatus.Degraded"/>, even if the server
    /// answers.
    /// </summary>
    /// <param name="builder">What <c>AddHealthChecks</c> returned.</param>
    /// <param name="name">The check's name. Default <c>larder</c>.</param>
    /// <param name="failureStatus">
    /// What is reported when the server does not answer. Default <see cref="HealthStatus.Degraded"/>, because memory and the
    /// data's source still serve: taking the instance out of rotation would make it worse.
    /// </param>
    /// <param name="tags">Tags. Default <c>ready</c>, so that a liveness probe never asks the server.</param>
    /// <param name="timeout">
    /// How long the answer is awaited. Default 500 ms: a probe of Kubernetes waits a second. Enforced even where the client
    /// ignores cancellation. Must be positive.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="timeout"/> is not positive.</exception>
    public static IHealthChecksBuilder AddLarder(
        this IHealthChecksBuilder builder,
        string name = "larder",
        HealthStatus? failureStatus = null,
        IEnumerable<string>? tags = null,
        TimeSpan? timeout = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        var wait = timeout ?? TimeSpan.FromMilliseconds(500);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(wait, TimeSpan.Zero, nameof(timeout));
        return builder.Add(new HealthCheckRegistration(
            name,
            provider => new LarderHealthCheck(
                provider.GetService<LarderServer>() ?? throw new InvalidOperationException("AddHealthChecks().AddLarder() checks the cache of services.AddLarder(). Call that too."),
                provider.GetRequiredService<LarderMetrics>(),
                wait,
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<LarderHealthCheck>>()),
            failureStatus ?? HealthStatus.Degraded,
            tags ?? [LarderHealth.ReadyTag]));
    }
}
