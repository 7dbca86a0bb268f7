namespace Larder.Consistency.Checking;

/// <summary>What the judge found.</summary>
internal sealed class Verdict
{
    private const int KeptTraces = 20;

    public long Operations { get; init; }

    public long Reads { get; init; }

    public long Changes { get; init; }

    /// <summary>Reads that were refused because their source was down or took too long.</summary>
    public long Refusals { get; init; }

    /// <summary>Calls that threw or did not end.</summary>
    public required IReadOnlyList<string> Failures { get; init; }

    /// <summary>Stale on the very node that had invalidated.</summary>
    public long OwnStale { get; private set; }

    /// <summary>Stale on another node beyond the time it is given.</summary>
    public long OtherStale { get; private set; }

    /// <summary>Stale at the end, when nothing was going on any more: lost invalidations.</summary>
    public long Lost { get; private set; }

    /// <summary>The longest that another node was behind while nothing disturbed it.</summary>
    public TimeSpan LongestLag { get; private set; }

    /// <summary>The same with disturbances.</summary>
    public TimeSpan LongestDisturbedLag { get; private set; }

    public List<string> Traces { get; } = [];

    public long Violations => OwnStale + OtherStale + Lost + Failures.Count;

    public double StalePerHundredReads => Reads == 0 ? 0 : 100d * (OwnStale + OtherStale) / Reads;

    public void Add(bool own, bool final, string trace)
    {
        if (final)
        {
            Lost++;
        }
        else if (own)
        {
            OwnStale++;
        }
        else
        {
            OtherStale++;
        }

        if (Traces.Count < KeptTraces)
        {
            Traces.Add(trace);
        }
    }

    public void NoteLag(TimeSpan lag, bool disturbed)
    {
        if (disturbed)
        {
            LongestDisturbedLag = lag > LongestDisturbedLag ? lag : LongestDisturbedLag;
        }
        else
        {
            LongestLag = lag > LongestLag ? lag : LongestLag;
        }
    }
}
