using Larder.Resilience.Figures;

namespace Larder.Resilience;

/// <summary>What a run has shown.</summary>
internal sealed record Outcome
{
    public required PhaseFigures Before { get; init; }

    public required PhaseFigures During { get; init; }

    public required PhaseFigures After { get; init; }

    /// <summary>Calls of any kind that ended in an exception, or not at all.</summary>
    public required int Failed { get; init; }

    /// <summary>Values of another key.</summary>
    public required int Wrong { get; init; }

    /// <summary>From the moment the server was whole until nodes used it again; null if they did not.</summary>
    public required TimeSpan? Recovery { get; init; }

    /// <summary>What showed, from beside the cache, that the fault was there.</summary>
    public required string? Witness { get; init; }

    public required IReadOnlyList<string> Failures { get; init; }

    public int Calls => Before.Calls + During.Calls + After.Calls;

    public bool Held => Failed == 0 && Wrong == 0 && Recovery is not null && Witness is not null;
}
