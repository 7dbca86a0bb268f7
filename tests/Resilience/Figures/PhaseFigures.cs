using System.Diagnostics;

namespace Larder.Resilience.Figures;

/// <summary>What all callers together did and got in one phase.</summary>
internal sealed record PhaseFigures
{
    public required TimeSpan Time { get; init; }

    public required int Calls { get; init; }

    public required int Failed { get; init; }

    public required int Wrong { get; init; }

    public required TimeSpan Median { get; init; }

    public required TimeSpan P99 { get; init; }

    public required TimeSpan Longest { get; init; }

    /// <summary>How often the factory ran.</summary>
    public required long Loads { get; init; }

    /// <summary>How often it would have run at the most on as many nodes with their memory alone.</summary>
    public required double LoadsWithoutServer { get; init; }

    public required long SecondLevelHits { get; init; }

    /// <summary>How late the thread pool was at worst: what the machine, not the cache, adds to a call.</summary>
    public required TimeSpan PoolLag { get; init; }

    public static TimeSpan Quantile(long[] sorted, double quantile) =>
        sorted.Length == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(0, sorted[Math.Min(sorted.Length - 1, (int)(sorted.Length * quantile))]);
}
