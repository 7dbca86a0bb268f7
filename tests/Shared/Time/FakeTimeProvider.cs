namespace Larder.Tests.Shared;

/// <summary>A clock that stands still until a test moves it.</summary>
/// <remarks>
/// While it is moved, timers fire in the order in which they are due, and each sees the time at which it was due. So a
/// loop that waits one second at a time runs ten times when the clock is moved by ten seconds. Timers fire on the
/// thread that moves the clock; a second thread that moves it waits its turn, and a timer that moves it again goes first.
/// </remarks>
public sealed class FakeTimeProvider : TimeProvider
{
    private static readonly DateTimeOffset DefaultStart = new(2025, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Held while the clock moves, timers included; re-entrant, so that a timer may move it too.</summary>
    private readonly Lock _moving = new();

    /// <summary>Held for the fields below, and never while a timer fires.</summary>
    private readonly Lock _state = new();

    private readonly List<FakeTimer> _timers = [];
    private TimeSpan _elapsed;
    private int _created;
    private DateTimeOffset _wallStart;
    private long _sequence;

    /// <summary>A clock that shows the start of 2025.</summary>
    public FakeTimeProvider()
        : this(DefaultStart)
    {
    }

    /// <summary>A clock that shows the time given.</summary>
    public FakeTimeProvider(DateTimeOffset start) => _wallStart = start.ToUniversalTime();

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>How many timers are waiting, so that a test can see that none leaks.</summary>
    public int ActiveTimers
    {
        get
        {
            lock (_state)
            {
                return _timers.Count;
            }
        }
    }

    /// <summary>How many timers have been made so far: one that takes the place of another is told from it.</summary>
    public int CreatedTimers => Volatile.Read(ref _created);

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow()
    {
        lock (_state)
        {
            return _wallStart + _elapsed;
        }
    }

    /// <inheritdoc/>
    public override long GetTimestamp()
    {
        lock (_state)
        {
            return _elapsed.Ticks;
        }
    }

    /// <summary>Moves the clock forward and fires what becomes due.</summary>
    public void Advance(TimeSpan by)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        lock (_moving)
        {
            TimeSpan target;
            lock (_state)
            {
                target = _elapsed + by;
            }

            while (NextUntil(target) is { } timer)
            {
                timer.Fire();
            }
        }
    }

    /// <summary>Moves the clock forward to a time and fires what becomes due.</summary>
    public void SetUtcNow(DateTimeOffset now)
    {
        lock (_moving)
        {
            Advance(now - GetUtcNow());
        }
    }

    /// <summary>Steps the wall clock, forward or back, as a correction by the network does: timers and timestamps do not notice.</summary>
    public void StepWallClock(TimeSpan by)
    {
        lock (_state)
        {
            _wallStart += by;
        }
    }

    /// <summary>Waits until at least so many timers wait on this clock: the code under test has come to its delay.</summary>
    public Task WaitForTimersAsync(int count = 1, CancellationToken cancellationToken = default) =>
        Poll.UntilAsync(() => ActiveTimers >= count, $"{count} timers wait on the fake clock", null, cancellationToken);

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new FakeTimer(this, callback, state);
        timer.Change(dueTime, period);
        Interlocked.Increment(ref _created);
        return timer;
    }

    /// <summary>Sets when a timer is due next; null means not at all. False when it has been disposed.</summary>
    internal bool Schedule(FakeTimer timer, TimeSpan? dueIn, TimeSpan? period)
    {
        lock (_state)
        {
            if (timer.IsRetired)
            {
                return false;
            }

            _timers.Remove(timer);
            timer.Period = period;
            if (dueIn == TimeSpan.Zero)
            {
                // Due at once needs nobody to move the clock. Not on this thread: the caller may hold locks.
                ThreadPool.UnsafeQueueUserWorkItem(static due => due.Fire(), timer, preferLocal: false);
                dueIn = period;
            }

            Enlist(timer, dueIn);
            return true;
        }
    }

    /// <summary>Takes a timer off the clock for good.</summary>
    internal void Retire(FakeTimer timer)
    {
        lock (_state)
        {
            timer.IsRetired = true;
            _timers.Remove(timer);
        }
    }

    /// <summary>Moves the clock to the next timer due by then and returns it, or to the very time, and returns none.</summary>
    private FakeTimer? NextUntil(TimeSpan target)
    {
        lock (_state)
        {
            var next = _timers.MinBy(timer => (timer.DueAt, timer.Sequence));
            if (next is null || next.DueAt > target)
            {
                // A timer may itself have moved the clock further.
                _elapsed = target > _elapsed ? target : _elapsed;
                return null;
            }

            _elapsed = next.DueAt > _elapsed ? next.DueAt : _elapsed;
            _timers.Remove(next);
            Enlist(next, next.Period);
            return next;
        }
    }

    private void Enlist(FakeTimer timer, TimeSpan? dueIn)
    {
        if (dueIn is { } delay)
        {
            timer.DueAt = _elapsed + delay;
            timer.Sequence = _sequence++;
            _timers.Add(timer);
        }
    }
}
