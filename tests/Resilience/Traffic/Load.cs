namespace Larder.Resilience.Traffic;

/// <summary>What callers ask for, and how fast. A fault may change it on the way.</summary>
internal sealed class Load
{
    private volatile int _largeEvery;
    private long _largeCalls;

    public int Callers { get; init; } = 200;

    /// <summary>How long a caller waits between two calls, on average: 200 callers are to measure the cache, not the machine.</summary>
    public TimeSpan Pace { get; init; } = TimeSpan.FromMilliseconds(10);

    /// <summary>Every how many-th call asks for a large value; 0 for none.</summary>
    public int LargeEvery
    {
        get => _largeEvery;
        set => _largeEvery = value;
    }

    public long LargeCalls => Interlocked.Read(ref _largeCalls);

    /// <summary>Whether large values are refused by the cache, so that each call for one loads.</summary>
    public bool LargeIsUnavoidable { get; set; }

    /// <summary>Whether objects cannot be stored or read, so that each call for one loads.</summary>
    public bool ThingsAreUnavoidable { get; set; }

    public void CountLargeCall() => Interlocked.Increment(ref _largeCalls);
}
