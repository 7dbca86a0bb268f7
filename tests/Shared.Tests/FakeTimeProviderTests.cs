using Xunit;

namespace Larder.Tests.Shared.Tests;

public sealed class FakeTimeProviderTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2025, 6, 1, 12, 0, 0, TimeSpan.FromHours(2)));

    [Fact]
    public void Stands_still_until_moved_and_shows_UTC()
    {
        Assert.Equal(new DateTimeOffset(2025, 6, 1, 10, 0, 0, TimeSpan.Zero), _clock.GetUtcNow());
        Assert.Equal(TimeSpan.Zero, _clock.GetUtcNow().Offset);
        Assert.Equal(_clock.GetUtcNow(), _clock.GetLocalNow());

        var (now, timestamp) = (_clock.GetUtcNow(), _clock.GetTimestamp());
        _clock.Advance(90 * Second);

        Assert.Equal(now + (90 * Second), _clock.GetUtcNow());
        Assert.Equal(90 * Second, _clock.GetElapsedTime(timestamp));
        _clock.SetUtcNow(now + (100 * Second));
        Assert.Equal(100 * Second, _clock.GetElapsedTime(timestamp));
        Assert.Throws<ArgumentOutOfRangeException>(() => _clock.SetUtcNow(now));
        Assert.Throws<ArgumentOutOfRangeException>(() => _clock.Advance(-Second));
    }

    [Fact]
    public void Timers_fire_in_due_order_at_their_own_time()
    {
        var start = _clock.GetUtcNow();
        var fired = new List<string>();
        void Note(object? name) => fired.Add($"{name}@{(_clock.GetUtcNow() - start).TotalSeconds}");
        using var late = _clock.CreateTimer(Note, "late", 5 * Second, Timeout.InfiniteTimeSpan);
        using var tick = _clock.CreateTimer(Note, "tick", 2 * Second, 2 * Second);
        using var early = _clock.CreateTimer(Note, "early", Second, Timeout.InfiniteTimeSpan);
        using var tie = _clock.CreateTimer(Note, "tie", 5 * Second, Timeout.InfiniteTimeSpan);

        _clock.Advance(0.5 * Second);
        Assert.Empty(fired);
        _clock.Advance(5.5 * Second);

        Assert.Equal(["early@1", "tick@2", "tick@4", "late@5", "tie@5", "tick@6"], fired);
        Assert.Equal(1, _clock.ActiveTimers);
    }

    [Fact]
    public void A_timer_may_change_dispose_and_move_the_clock_from_its_own_callback()
    {
        var start = _clock.GetUtcNow();
        var fired = new List<double>();
        ITimer timer = null!;
        timer = _clock.CreateTimer(
            _ =>
            {
                fired.Add((_clock.GetUtcNow() - start).TotalSeconds);
                switch (fired.Count)
                {
                    case 1:
                        timer.Change(3 * Second, Timeout.InfiniteTimeSpan);
                        _clock.Advance(4 * Second);
                        break;
                    case 2:
                        timer.Dispose();
                        Assert.False(timer.Change(Second, Second));
                        break;
                }
            },
            null, Second, Second);

        _clock.Advance(2 * Second);

        Assert.Equal([1, 4], fired);
        Assert.Equal(5 * Second, _clock.GetUtcNow() - start);
        Assert.Equal(0, _clock.ActiveTimers);
    }

    [Fact]
    public async Task Delays_timeouts_and_periods_of_the_framework_follow_it()
    {
        var delay = Task.Delay(10 * Second, _clock);
        using var timeout = new CancellationTokenSource(10 * Second, _clock);
        using var period = new PeriodicTimer(10 * Second, _clock);
        var tick = period.WaitForNextTickAsync();
        await _clock.WaitForTimersAsync(3);

        _clock.Advance(9.9 * Second);
        Assert.False(delay.IsCompleted || timeout.IsCancellationRequested || tick.IsCompleted);
        _clock.Advance(0.1 * Second);

        await delay;
        Assert.True(timeout.IsCancellationRequested);
        Assert.True(await tick);
    }

    [Fact]
    public async Task A_timer_due_at_once_needs_no_move()
    {
        var fired = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var timer = _clock.CreateTimer(_ => fired.TrySetResult(), null, TimeSpan.Zero, Second);
        await fired.Task.WaitAsync(Poll.DefaultDeadline);
        Assert.Equal(1, _clock.ActiveTimers);
    }

    [Fact]
    public void The_wall_clock_can_be_stepped_back_unnoticed_by_timers()
    {
        var start = _clock.GetUtcNow();
        var fired = 0;
        using var timer = _clock.CreateTimer(_ => fired++, null, Second, Timeout.InfiniteTimeSpan);
        _clock.StepWallClock(TimeSpan.FromHours(-1));

        _clock.Advance(Second);

        Assert.Equal(1, fired);
        Assert.Equal(start - TimeSpan.FromHours(1) + Second, _clock.GetUtcNow());
    }

    [Fact]
    public void Many_threads_that_move_it_add_up_and_each_tick_comes_once()
    {
        var start = _clock.GetTimestamp();
        var ticks = 0;
        using var timer = _clock.CreateTimer(_ => Interlocked.Increment(ref ticks), null, Second, Second);

        Parallel.For(0, 400, _ =>
        {
            _clock.Advance(Second);
            using var shortLived = _clock.CreateTimer(_ => { }, null, Second, Second);
            Assert.True(shortLived.Change(2 * Second, Second));
        });

        Assert.Equal(400 * Second, _clock.GetElapsedTime(start));
        Assert.Equal(400, ticks);
        Assert.Equal(1, _clock.ActiveTimers);
    }

    [Fact]
    public void A_callback_sees_the_context_of_whoever_made_the_timer()
    {
        var ambient = new AsyncLocal<string> { Value = "maker" };
        string? seen = null;
        using var timer = _clock.CreateTimer(_ => seen = ambient.Value, null, Second, Timeout.InfiniteTimeSpan);
        ambient.Value = "mover";

        _clock.Advance(Second);

        Assert.Equal("maker", seen);
    }
}
