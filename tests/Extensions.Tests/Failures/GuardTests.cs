using Larder.Diagnostics;
using Larder.Engine;
using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests.Failures;

/// <summary>The breaker: when calls are given up, refused, let through again.</summary>
public sealed class GuardTests : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMilliseconds(500);
    private readonly FakeTimeProvider _time = new();
    private readonly LarderMetrics _metrics = new(null);
    private readonly List<Exception?> _lost = [];
    private int _back;
    private int _made;

    public void Dispose() => _metrics.Dispose();

    [Fact]
    public async Task A_call_is_given_up_at_its_timeout_and_not_before()
    {
        var guard = Create();
        var call = HangAsync(guard).AsTask();

        // The timer tells at once; the call that it ends may end somewhat later.
        _time.Advance(Timeout - TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, _time.ActiveTimers);
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.IsType<TimeoutException>((await Ended(call)).Failure);
    }

    [Fact]
    public async Task A_call_that_was_given_up_is_handed_over_once_and_only_if_it_is_still_under_way()
    {
        var guard = Create();
        var late = 0;
        var call = guard.RunAsync(static _ => Never, 0, Timeout, null, _ => late++).AsTask();
        _time.Advance(Timeout);
        await Ended(call);
        await guard.RunAsync(static _ => Task.FromException<int>(new IOException("away")), 0, Timeout, null, _ => late++);

        Assert.Equal(1, late);
    }

    [Fact]
    public async Task After_three_failures_calls_are_refused_and_that_is_said_once()
    {
        var guard = Create();
        await FailAsync(guard, 3);
        Assert.True(guard.IsOpen);
        var refused = await SucceedAsync(guard);

        Assert.False(refused.Succeeded);
        Assert.Equal("away", refused.Failure!.Message);
        Assert.Equal(3, _made);
        Assert.IsType<IOException>(Assert.Single(_lost));
    }

    [Fact]
    public async Task Two_failures_are_not_enough()
    {
        var guard = Create();
        await FailAsync(guard, 2);

        Assert.False(guard.IsTripped);
        Assert.True((await SucceedAsync(guard)).Succeeded);
    }

    [Fact]
    public async Task Calls_that_each_wait_for_a_long_timeout_open_it_too()
    {
        var timeout = TimeSpan.FromMinutes(5);
        var guard = Create(timeout);
        for (var i = 0; i < 3; i++)
        {
            var call = guard.RunAsync(static _ => Never, 0, timeout).AsTask();
            _time.Advance(timeout);
            await Ended(call);
        }

        Assert.True(guard.IsOpen);
    }

    [Fact]
    public async Task After_a_second_one_call_is_let_through_and_the_others_are_refused_meanwhile()
    {
        var guard = Create();
        await FailAsync(guard, 3);
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.False(guard.IsOpen);
        var trial = new TaskCompletionSource<int>();
        var tried = guard.RunAsync(static task => task, trial.Task, Timeout).AsTask();
        Assert.False((await SucceedAsync(guard)).Succeeded);
        Assert.Equal(3, _made);
        Assert.True(guard.IsTripped);

        trial.SetResult(1);
        Assert.True((await Ended(tried)).Succeeded);
        Assert.False(guard.IsTripped);
        Assert.Equal(1, _back);
        Assert.True((await SucceedAsync(guard)).Succeeded);
    }

    [Fact]
    public async Task When_that_one_fails_it_stays_open_for_another_second_and_nothing_is_said_again()
    {
        var guard = Create();
        await FailAsync(guard, 3);
        for (var i = 0; i < 10; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await FailAsync(guard, 1);
            Assert.True(guard.IsOpen);
        }

        Assert.Equal(13, _made);
        Assert.Single(_lost);
        Assert.Equal(0, _back);
    }

    [Fact]
    public async Task A_wall_clock_that_is_set_back_does_not_keep_it_open()
    {
        var guard = Create();
        await FailAsync(guard, 3);
        _time.StepWallClock(TimeSpan.FromHours(-1));
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.True((await SucceedAsync(guard)).Succeeded);
    }

    [Fact]
    public async Task A_refusal_throws_nothing_and_allocates_nothing()
    {
        var guard = Create();
        await FailAsync(guard, 3);
        _ = SucceedAsync(guard);
        var thrown = 0;
        var thread = Environment.CurrentManagedThreadId;
        AppDomain.CurrentDomain.FirstChanceException += Count;
        var allocated = Allocated.AtLeast(() =>
        {
            for (var i = 0; i < 1_000; i++)
            {
                Assert.True(SucceedAsync(guard).IsCompletedSuccessfully);
            }
        });
        AppDomain.CurrentDomain.FirstChanceException -= Count;
        Assert.Equal((0, 0L), (thrown, allocated));

        void Count(object? sender, System.Runtime.ExceptionServices.FirstChanceExceptionEventArgs arguments) =>
            thrown += Environment.CurrentManagedThreadId == thread ? 1 : 0;
    }

    private static Task<int> Never => new TaskCompletionSource<int>().Task;

    private static Task<Answer<int>> Ended(Task<Answer<int>> call) => call.WaitAsync(TimeSpan.FromSeconds(30));

    private Guard Create(TimeSpan? timeout = null) => new("test", timeout ?? Timeout, _metrics.BackplaneFailures, _lost.Add, () => _back++, _time);

    private static ValueTask<Answer<int>> HangAsync(Guard guard) => guard.RunAsync(static _ => Never, 0, Timeout);

    private ValueTask<Answer<int>> SucceedAsync(Guard guard) => guard.RunAsync(static test => Task.FromResult(++test._made), this, Timeout);

    private async Task FailAsync(Guard guard, int times)
    {
        for (var i = 0; i < times; i++)
        {
            await guard.RunAsync(
                static test =>
                {
                    test._made++;
                    return Task.FromException<int>(new IOException("away"));
                },
                this,
                Timeout);
        }
    }

    [Fact]
    public async Task A_busy_caller_notices_a_silence_as_soon_as_its_successes_have_left_the_sample()
    {
        var guard = Create(TimeSpan.FromMilliseconds(500));
        for (var i = 0; i < 1_000; i++)
        {
            await SucceedAsync(guard);
        }

        // Each of two callers waits for its timeout, again and again.
        for (var round = 0; round < 4; round++)
        {
            var calls = new[] { guard.RunAsync(static _ => Never, 0, TimeSpan.FromMilliseconds(500)).AsTask(), guard.RunAsync(static _ => Never, 0, TimeSpan.FromMilliseconds(500)).AsTask() };
            _time.Advance(TimeSpan.FromMilliseconds(500));
            await Task.WhenAll(calls).WaitAsync(TimeSpan.FromSeconds(30));
        }

        Assert.True(guard.IsOpen);
    }
}
