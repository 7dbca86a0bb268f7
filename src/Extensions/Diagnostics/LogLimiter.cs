using System.Collections.Concurrent;
using Larder.Engine;

namespace Larder.Diagnostics;

/// <summary>
/// Lets a message that may come with every call into the log once a minute for each kind and subject, and says how many were left
/// out since. Whoever fills a store with rubbish does not get to fill the log too.
/// </summary>
internal sealed class LogLimiter(EngineClock clock)
{
    /// <summary>How many kinds and subjects are told apart; what comes beyond shares one place per kind.</summary>
    public const int MaximumPlaces = 256;

    private const long Interval = 60_000;

    private readonly ConcurrentDictionary<(string Kind, string? Subject), Place> _places = new();

    public int Count => _places.Count;

    /// <summary>Whether the message may be logged now, and how many like it were not since the last one.</summary>
    /// <param name="kind">The message; one of few.</param>
    /// <param name="subject">What it is about: a type, a fault.</param>
    /// <param name="suppressed">How many were left out.</param>
    public bool Admits(string kind, string? subject, out long suppressed)
    {
        if (!_places.TryGetValue((kind, subject), out var place))
        {
            place = _places.GetOrAdd((kind, _places.Count < MaximumPlaces ? subject : null), static _ => new Place());
        }

        return place.Admits(clock.Now, out suppressed);
    }

    private sealed class Place
    {
        private readonly Lock _lock = new();
        private long _next = long.MinValue;
        private long _suppressed;

        public bool Admits(long now, out long suppressed)
        {
            lock (_lock)
            {
                if (now < _next)
                {
                    _suppressed++;
                    suppressed = 0;
                    return false;
                }

                _next = now + Interval;
                suppressed = _suppressed;
                _suppressed = 0;
                return true;
            }
        }
    }
}
