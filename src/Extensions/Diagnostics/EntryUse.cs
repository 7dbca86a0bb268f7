namespace Larder.Diagnostics;

/// <summary>How an entry in memory is used, where statistics are on.</summary>
internal sealed class EntryUse
{
    // Written once a second at most, so that a popular entry's line stays with its readers.
    private const long Precision = 1_000;

    private StripedCounter _hits;
    private long _lastHit = long.MinValue / 2;

    public long Hits => _hits.Value;

    /// <summary>When it was last hit, by the engine's clock, to the second.</summary>
    public long LastHit => Volatile.Read(ref _lastHit);

    public void Hit(long now)
    {
        _hits.Add(1);
        if (now - Volatile.Read(ref _lastHit) >= Precision)
        {
            Volatile.Write(ref _lastHit, now);
        }
    }
}
