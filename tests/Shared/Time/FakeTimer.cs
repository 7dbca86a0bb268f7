namespace Larder.Tests.Shared;

/// <summary>A timer of a <see cref="FakeTimeProvider"/>, whose lock guards its properties.</summary>
internal sealed class FakeTimer(FakeTimeProvider clock, TimerCallback callback, object? state) : ITimer
{
    // As with the system's timers, the callback runs in the context of whoever made the timer, not of who moves the clock.
    private readonly ExecutionContext? _context = ExecutionContext.Capture();

    internal bool IsRetired { get; set; }

    internal TimeSpan DueAt { get; set; }

    internal TimeSpan? Period { get; set; }

    internal long Sequence { get; set; }

    public bool Change(TimeSpan dueTime, TimeSpan period)
    {
        Validate(dueTime);
        Validate(period);
        return clock.Schedule(
            this,
            dueTime == Timeout.InfiniteTimeSpan ? null : dueTime,
            period == Timeout.InfiniteTimeSpan || period == TimeSpan.Zero ? null : period);
    }

    public void Dispose() => clock.Retire(this);

    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    internal void Fire()
    {
        if (_context is null)
        {
            callback(state);
        }
        else
        {
            ExecutionContext.Run(_context, static timer => ((FakeTimer)timer!).Call(), this);
        }
    }

    private static void Validate(TimeSpan time)
    {
        if (time != Timeout.InfiniteTimeSpan)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero);
        }
    }

    private void Call() => callback(state);
}
