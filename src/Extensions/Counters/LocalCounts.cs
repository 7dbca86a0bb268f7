using System.Diagnostics.CodeAnalysis;
using Larder.Engine;

namespace Larder.Counters;

/// <summary>Counts in this process: a bounded number, the expired ones swept.</summary>
/// <remarks>
/// A count notes the latest known invalidation of its scope when it begins, and is none once there is a later one. A mere doubt (a gap in the messages) sets nothing
/// back. When all places are taken by living counts a new one is refused: to evict one would be to set it back to zero unnoticed.
/// </remarks>
internal sealed class LocalCounts(EngineClock clock, int capacity)
{
    private const long SweepInterval = 1_000;

    private readonly Dictionary<(string Kind, string Key), Count> _counts = [];
    private readonly Lock _lock = new();
    private int _sweepAt = Math.Min(1_024, capacity);
    private long _nextSweep = long.MinValue;

    public int Number
    {
        get
        {
            lock (_lock)
            {
                return _counts.Count;
            }
        }
    }

    /// <exception cref="OverflowException">The sum does not fit.</exception>
    /// <exception cref="InvalidOperationException">There is no place.</exception>
    public long Add(ScopeState scope, string key, long amount, TimeSpan expiration, bool sliding)
    {
        lock (_lock)
        {
            var now = clock.Now;
            if (!TryFind(("count", key), now, out var count))
            {
                if (!TryBegin(scope, ("count", key), now, out count))
                {
                    throw new InvalidOperationException($"{capacity} counters live in memory, and LarderOptions.MaximumMemoryEntries allows no more. The counter was not changed.");
                }

                count.EndsAt = EngineClock.AddSaturating(now, expiration);
            }

            if (amount > 0 ? count.Current > long.MaxValue - amount : count.Current < long.MinValue - amount)
            {
                throw CountStore.Overflow();
            }

            count.Current += amount;
            count.EndsAt = sliding ? EngineClock.AddSaturating(now, expiration) : count.EndsAt;
            return count.Current;
        }
    }

    public long Get(string key)
    {
        lock (_lock)
        {
            return TryFind(("count", key), clock.Now, out var count) ? count.Current : 0;
        }
    }

    public void Reset(string key)
    {
        lock (_lock)
        {
            _counts.Remove(("count", key));
        }
    }

    /// <summary>Null if there is no place for another window.</summary>
    public WindowState? Acquire(WindowKind kind, ScopeState scope, string key, int permits, int limit, TimeSpan length)
    {
        var sliding = kind == WindowKind.Sliding;
        var name = (sliding ? "sliding" : "fixed", key);
        var window = (long)Math.Ceiling(length.TotalMilliseconds);
        lock (_lock)
        {
            var now = clock.Now;
            if (!TryFind(name, now, out var count))
            {
                if (permits == 0)
                {
                    return new WindowState(true, 0, 0, 0);
                }

                if (!TryBegin(scope, name, now, out count))
                {
                    return null;
                }

                count.EndsAt = now + (sliding ? 2 * window : window);
            }

            if (sliding && now - count.Start >= window)
            {
                (count.Start, count.Previous, count.Current) = (count.Start + window, count.Current, 0);
            }

            var elapsed = now - count.Start;
            if (WindowState.Used(count.Current, count.Previous, elapsed, window) + Math.Max(permits, 1) > limit)
            {
                return new WindowState(false, count.Current, count.Previous, elapsed);
            }

            count.Current += permits;
            if (sliding && permits != 0)
            {
                // At the latest then neither window counts any more.
                count.EndsAt = count.Start + (2 * window);
            }

            return new WindowState(true, count.Current, count.Previous, elapsed);
        }
    }

    private bool TryFind((string Kind, string Key) name, long now, [NotNullWhen(true)] out Count? count) =>
        _counts.TryGetValue(name, out count) && count.IsAlive(now);

    private bool TryBegin(ScopeState scope, (string Kind, string Key) name, long now, [NotNullWhen(true)] out Count? count)
    {
        if (_counts.Count >= _sweepAt && now >= _nextSweep)
        {
            foreach (var (dead, _) in _counts.Where(pair => !pair.Value.IsAlive(now)).ToArray())
            {
                _counts.Remove(dead);
            }

            // When it has doubled; where it cannot, once a second, or each new key would look through all.
            _sweepAt = (int)Math.Min(capacity, Math.Max(1_024L, _counts.Count * 2L));
            _nextSweep = _counts.Count >= capacity ? now + SweepInterval : long.MinValue;
        }

        count = null;
        if (_counts.Count >= capacity && !_counts.ContainsKey(name))
        {
            return false;
        }

        _counts[name] = count = new Count(scope, Count.InvalidatedAt(scope)) { Start = now };
        return true;
    }

    private sealed class Count(ScopeState scope, long invalidatedAt)
    {
        public long Current { get; set; }

        public long Previous { get; set; }

        public long Start { get; set; }

        public long EndsAt { get; set; }

        public static long InvalidatedAt(ScopeState scope)
        {
            var latest = 0L;
            foreach (var level in scope.Levels)
            {
                latest = Math.Max(latest, level.InvalidatedAt);
            }

            return latest;
        }

        public bool IsAlive(long now) => now < EndsAt && InvalidatedAt(scope) == invalidatedAt;
    }
}
