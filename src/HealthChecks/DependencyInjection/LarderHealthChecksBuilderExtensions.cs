using Larder;
using Larder.Health;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds health checks of the cache.</summary>
public static class LarderHealthChecksBuilderExtensions
{
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Adds a check of the cache: all that <see cref="AddRedis"/> checks where a server is configured, the circuit breakers, a message to the nodes
    /// and back, a value to the second level and back, and a page to the output cache's store and back. Without a server it checks
    /// memory alone.
    /// </summary>
    /// <param name="builder">What <c>AddHealthChecks</c> returned.</param>
    /// <param name="name">The check's name. Default <c>larder</c>.</param>
    /// <param name="failureStatus">
    /// What is reported where the check is unhealthy, for example because the server does not answer. Default
    /// <see cref="HealthStatus.Degraded"/>, because memory and the data's source still serve: taking the instance out of rotation would make it worse.
    /// </param>
    /// <param name="tags">Tags. Default <c>ready</c>, so that a liveness probe never asks the server.</param>
    /// <param name="timeout">
    /// How long all answers together are awaited. Default 500 ms: a probe of Kubernetes waits a second. Enforced even where the client
    /// ignores cancellation, within 100 ms more. Must be positive, at most a day.
    /// </param>
    /// <param name="configure">Thresholds, and what is shown.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="timeout"/> is not positive or more than a day, or an option is out of its range.</exception>
    public static IHealthChecksBuilder AddLarder(
        this IHealthChecksBuilder builder,
        string name = "larder",
        HealthStatus? failureStatus = null,
        IEnumerable<string>? tags = null,
        TimeSpan? timeout = null,
        Action<LarderHealthOptions>? configure = null) =>
        Add(builder, name, failureStatus, tags, timeout, configure, LarderHealthCheckFactory.OfCache);

    /// <summary>
    /// Adds a check of the cache's server alone: whether its masters answer and how fast, their roles and replicas, memory and evictions, the
    /// slots of a cluster, the sentinels. It uses the connection that the cache uses and opens none of its own, and needs no right but
    /// that to PING: what the server refuses to tell is unknown and does not count.
    /// </summary>
    /// <param name="builder">What <c>AddHealthChecks</c> returned.</param>
    /// <param name="name">The check's name. Default <c>redis</c>.</param>
    /// <param name="failureStatus">As for <see cref="AddLarder"/>.</param>
    /// <param name="tags">As for <see cref="AddLarder"/>.</param>
    /// <param name="timeout">As for <see cref="AddLarder"/>.</param>
    /// <param name="configure">Thresholds, and what is shown.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="timeout"/> is not positive or more than a day, or an option is out of its range.</exception>
    public static IHealthChecksBuilder AddRedis(
        this IHealthChecksBuilder builder,
        string name = "redis",
        HealthStatus? failureStatus = null,
        IEnumerable<string>? tags = null,
        TimeSpan? timeout = null,
        Action<LarderHealthOptions>? configure = null) =>
        Add(builder, name, failureStatus, tags, timeout, configure, static (provider, options, wait) => LarderHealthCheckFactory.OfServer(provider, nameof(AddRedis), options, wait));

    /// <summary>As <see cref="AddRedis"/>, for a Valkey server.</summary>
    /// <param name="builder">What <c>AddHealthChecks</c> returned.</param>
    /// <param name="name">The check's name. Default <c>valkey</c>.</param>
    /// <param name="failureStatus">As for <see cref="AddLarder"/>.</param>
    /// <param name="tags">As for <see cref="AddLarder"/>.</param>
    /// <param name="timeout">As for <see cref="AddLarder"/>.</param>
    /// <param name="configure">Thresholds, and what is shown.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="timeout"/> is not positive or more than a day, or an option is out of its range.</exception>
    public static IHealthChecksBuilder AddValkey(
        this IHealthChecksBuilder builder,
        string name = "valkey",
        HealthStatus? failureStatus = null,
        IEnumerable<string>? tags = null,
        TimeSpan? timeout = null,
        Action<LarderHealthOptions>? configure = null) =>
        Add(builder, name, failureStatus, tags, timeout, configure, static (provider, options, wait) => LarderHealthCheckFactory.OfServer(provider, nameof(AddValkey), options, wait));

    private static IHealthChecksBuilder Add(
        IHealthChecksBuilder builder,
        string name,
        HealthStatus? failureStatus,
        IEnumerable<string>? tags,
        TimeSpan? timeout,
        Action<LarderHealthOptions>? configure,
        Func<IServiceProvider, LarderHealthOptions, TimeSpan, LarderHealthCheck> create)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        var wait = timeout ?? DefaultTimeout;
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(wait, TimeSpan.Zero, nameof(timeout));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(wait, TimeSpan.FromDays(1), nameof(timeout));
        var options = new LarderHealthOptions();
        configure?.Invoke(options);
        options.Validate();

        // One for all probes of an application: it remembers the last result. The health service would make one for each.
        builder.Services.AddKeyedSingleton(name, (provider, _) => create(provider, options, wait));
        return builder.Add(new HealthCheckRegistration(
            name,
            provider => provider.GetRequiredKeyedService<LarderHealthCheck>(name),
            failureStatus ?? HealthStatus.Degraded,
            tags ?? [LarderHealth.ReadyTag]));
    }
}
