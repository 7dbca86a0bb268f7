using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Larder.Health;

/// <summary>What a probe has found.</summary>
/// <param name="Status">Its verdict; null where the server refused to say. What is unknown does not count.</param>
/// <param name="Description">One sentence for people, without addresses; null where there is nothing to say.</param>
internal sealed record Finding(HealthStatus? Status, string? Description)
{
    /// <summary>What it is based on, as it is shown.</summary>
    public Dictionary<string, object> Data { get; } = new(StringComparer.Ordinal);

    /// <summary>Why no answer came. For the log, and shown where details are asked for.</summary>
    public Exception? Exception { get; init; }

    public static Finding Healthy(string? description = null) => new(HealthStatus.Healthy, description);

    public static Finding Degraded(string description) => new(HealthStatus.Degraded, description);

    public static Finding Unhealthy(string description) => new(HealthStatus.Unhealthy, description);

    public static Finding Unknown() => new(null, null);

    /// <summary>The first of several complaints, the gravest first; healthy if there is none.</summary>
    public static Finding Of(string? unhealthy, string? degraded) =>
        unhealthy is not null ? Unhealthy(unhealthy) : degraded is not null ? Degraded(degraded) : Healthy();

    public Finding With(string name, object? value)
    {
        if (value is not null)
        {
            Data[name] = value;
        }

        return this;
    }
}
