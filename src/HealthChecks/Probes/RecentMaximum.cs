namespace Larder.Health;

/// <summary>The highest number seen lately: so many there should be. What is taken away on purpose is missed for ten minutes and no longer.</summary>
internal sealed class RecentMaximum(TimeProvider time)
{
    private static readonly TimeSpan Memory = TimeSpan.FromMinutes(10);

    private readonly Lock _lock = new();
    private long _maximum;
    private long _seenAt;

    /// <summary>Notes a number and says the highest of the last ten minutes.</summary>
    public long Observe(long number)
    {
        lock (_lock)
        {
            if (number >= _maximum || time.GetElapsedTime(_seenAt) > Memory)
            {
                _maximum = number;
                _seenAt = time.GetTimestamp();
            }

            return _maximum;
        }
    }
}
