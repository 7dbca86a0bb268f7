using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Larder;

/// <summary>From where on a health check complains, and what it shows.</summary>
/// <remarks>
/// A check is <see cref="HealthStatus.Degraded"/> where something is amiss that the application bears, and <see cref="HealthStatus.Unhealthy"/>
/// where the server does not serve; the latter is reported as the registration's failure status, which is Degraded unless said otherwise.
/// </remarks>
public sealed class LarderHealthOptions
{
    /// <summary>A server, or a message to the nodes, that takes this long is degraded. Default 100 ms; more than zero. Null: never.</summary>
    public TimeSpan? DegradedLatency { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>A server that takes this long is unhealthy. Default null: never; not less than <see cref="DegradedLatency"/>.</summary>
    public TimeSpan? UnhealthyLatency { get; set; }

    /// <summary>
    /// For how long a result is given to further probes, so that many cost one; probes that come while one is under way share it in any case. Default
    /// 1 s; zero to one minute.
    /// </summary>
    public TimeSpan ResultLifetime { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>A replica that its master has not heard of for longer is degraded. Default 10 s; more than zero.</summary>
    public TimeSpan MaximumReplicationLag { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How many replicas the masters have in all; fewer are degraded. Default null: as many as there were at once within the last ten
    /// minutes. Not negative.
    /// </summary>
    public int? ExpectedReplicas { get; set; }

    /// <summary>
    /// From which share of the server's <c>maxmemory</c> on it counts as full: degraded, if it then refuses writes or evicts what must
    /// stay. Default 0.9; more than 0, at most 1.
    /// </summary>
    public double MemoryThreshold { get; set; } = 0.9;

    /// <summary>
    /// Whether the server may evict anything, because losing a lock or a count is no harm here. Default false: a policy other than
    /// <c>noeviction</c> is warned of in the data, and degraded once it evicts.
    /// </summary>
    public bool AcceptsEviction { get; set; }

    /// <summary>
    /// Whether the data shows the servers' addresses and the texts of the client's errors, which name them. Default false. Texts of other errors
    /// are not shown even then: they may quote anything.
    /// </summary>
    public bool ShowDetails { get; set; }

    internal void Validate()
    {
        Require(DegradedLatency is not { } degraded || degraded > TimeSpan.Zero, nameof(DegradedLatency), DegradedLatency, "It must be more than zero, or null for never.");
        Require(UnhealthyLatency is not { } unhealthy || unhealthy > TimeSpan.Zero, nameof(UnhealthyLatency), UnhealthyLatency, "It must be more than zero, or null for never.");
        Require(!(UnhealthyLatency < DegradedLatency), nameof(UnhealthyLatency), UnhealthyLatency, $"It must not be less than {nameof(DegradedLatency)}, {DegradedLatency}.");
        Require(ResultLifetime >= TimeSpan.Zero && ResultLifetime <= TimeSpan.FromMinutes(1), nameof(ResultLifetime), ResultLifetime, "It must be from zero to one minute.");
        Require(MaximumReplicationLag > TimeSpan.Zero, nameof(MaximumReplicationLag), MaximumReplicationLag, "It must be more than zero.");
        Require(ExpectedReplicas is null or >= 0, nameof(ExpectedReplicas), ExpectedReplicas, "It must not be negative; null counts for itself.");
        Require(MemoryThreshold is > 0 and <= 1, nameof(MemoryThreshold), MemoryThreshold, "It must be more than 0 and at most 1.");
    }

    private static void Require(bool holds, string name, object? value, string rule)
    {
        if (!holds)
        {
            throw new ArgumentOutOfRangeException(name, value, FormattableString.Invariant($"{nameof(LarderHealthOptions)}.{name} is {value}. {rule}"));
        }
    }
}
