namespace Larder.Diagnostics;

/// <summary>What is counted of a scope.</summary>
internal enum Tally
{
    MemoryHit,
    SecondLevelHit,
    NegativeHit,
    Joined,
    Miss,
    Stale,
    Invalidation,
    Load,
    FailedLoad,

    /// <summary>In ticks of a <see cref="TimeSpan"/>.</summary>
    LoadTime,
}

/// <summary>The counts of one scope on this node.</summary>
internal sealed class ScopeCounters
{
    private static readonly int Count = Enum.GetValues<Tally>().Length;

    private readonly StripedCounter[] _counters = new StripedCounter[Count];

    public void Add(Tally tally, long count = 1) => _counters[(int)tally].Add(count);

    public void Reset()
    {
        for (var i = 0; i < _counters.Length; i++)
        {
            _counters[i].Take();
        }
    }

    /// <summary>Moves all counts to another.</summary>
    public void MoveTo(ScopeCounters other)
    {
        for (var i = 0; i < _counters.Length; i++)
        {
            other._counters[i].Add(_counters[i].Take());
        }
    }

    public CacheCounts Read() => new()
    {
        MemoryHits = Value(Tally.MemoryHit),
        SecondLevelHits = Value(Tally.SecondLevelHit),
        NegativeHits = Value(Tally.NegativeHit),
        JoinedLoads = Value(Tally.Joined),
        Misses = Value(Tally.Miss),
        StaleServed = Value(Tally.Stale),
        Invalidations = Value(Tally.Invalidation),
        Loads = Value(Tally.Load),
        FailedLoads = Value(Tally.FailedLoad),
        LoadTime = TimeSpan.FromTicks(Value(Tally.LoadTime)),
    };

    private long Value(Tally tally) => _counters[(int)tally].Value;
}
