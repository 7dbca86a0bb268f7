using Larder.Consistency.Levels;
using Larder.Diagnostics;
using Larder.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Larder.Tests.Failures;

/// <summary>Each kind of operation has its own timeout, its own name in the metrics, and one breaker with the others.</summary>
public sealed class TimeoutTests : IDisposable
{
    private static readonly TimeSpan Read = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Write = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Invalidation = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);

    private readonly FakeTimeProvider _time = new();
    private readonly LarderMetrics _metrics = new(null);
    private readonly HookedSecondLevel _level = new(new MemoryServer().Connect());
    private readonly GuardedSecondLevel _second;

    public TimeoutTests()
    {
        var options = new LarderOptions
        {
            SecondLevelTimeout = TimeSpan.FromMinutes(1),
            SecondLevelReadTimeout = Read,
            SecondLevelWriteTimeout = Write,
            SecondLevelInvalidationTimeout = Invalidation,
        };
        _second = new GuardedSecondLevel(_level, new SecondLevelTimeouts(options), _time, _metrics, NullLogger.Instance, () => 0);
    }

    public void Dispose() => _metrics.Dispose();

    [Theory]
    [InlineData(nameof(LevelCall.Get), "read")]
    [InlineData(nameof(LevelCall.GetId), "read")]
    [InlineData(nameof(LevelCall.GetStamp), "read")]
    [InlineData(nameof(LevelCall.TryLease), "read")]
    [InlineData(nameof(LevelCall.Set), "write")]
    [InlineData(nameof(LevelCall.SetLeased), "write")]
    [InlineData(nameof(LevelCall.RenewLease), "write")]
    [InlineData(nameof(LevelCall.ReleaseLease), "write")]
    [InlineData(nameof(LevelCall.Advance), "write")]
    [InlineData(nameof(LevelCall.Remove), "invalidate")]
    [InlineData(nameof(LevelCall.SetStamp), "invalidate")]
    public async Task An_operation_is_given_up_at_the_timeout_of_its_kind_and_counted_as_that(string name, string kind)
    {
        using var measured = new Measurements(_metrics);
        _level.Before = (_, _) => new TaskCompletionSource().Task;
        var call = CallAsync(Enum.Parse<LevelCall>(name));

        // The timer tells at once; the call that it ends may end somewhat later.
        _time.Advance((kind == "read" ? Read : kind == "write" ? Write : Invalidation) - Moment);
        Assert.Equal(1, _time.ActiveTimers);
        _time.Advance(Moment);
        Assert.Equal(0, _time.ActiveTimers);

        Assert.IsType<TimeoutException>(await call.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal(1, measured.Sum($"larder.second_level.failures {kind} timeout"));
    }

    [Fact]
    public void Where_none_is_given_the_common_one_holds()
    {
        var timeouts = new SecondLevelTimeouts(new LarderOptions { SecondLevelTimeout = Write, SecondLevelWriteTimeout = Invalidation });

        Assert.Equal(new SecondLevelTimeouts(Write, Invalidation, Write), timeouts);
    }

    [Fact]
    public async Task Failures_are_counted_by_reason_and_the_state_of_the_breaker_is_shown()
    {
        using var measured = new Measurements(_metrics);
        _metrics.Watch(_second.Guard);
        const string State = "larder.circuit_breaker.state second_level";
        Assert.Equal(0, measured.Observe(State));

        _level.Before = (_, _) => Task.FromException(new IOException("away"));
        for (var i = 0; i < 3; i++)
        {
            await _second.GetIdAsync("key");
        }

        Assert.Equal(3, measured.Sum("larder.second_level.failures read error"));
        Assert.Equal(1, measured.Observe(State));
        Assert.Equal(["second_level"], _metrics.OpenBreakers);

        await _second.SetAsync(default, "key", default, default);
        await _second.RemoveAsync("key");
        Assert.True(_second.RefusesRead());
        Assert.Equal(
            (1, 1, 1),
            (measured.Sum("larder.second_level.failures write open"), measured.Sum("larder.second_level.failures invalidate open"), measured.Sum("larder.second_level.failures read open")));

        // As long as no call has succeeded it has not closed, though one would be let through.
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(1, measured.Observe(State));
        _level.Before = null;
        Assert.True((await _second.GetIdAsync("key")).Succeeded);
        Assert.Equal(0, measured.Observe(State));
        Assert.Empty(_metrics.OpenBreakers);

        _metrics.Unwatch(_second.Guard);
        Assert.Null(measured.Observe(State));
    }

    [Fact]
    public async Task A_lease_that_comes_too_late_is_given_back()
    {
        var gate = new TaskCompletionSource();
        _level.Before = (call, _) => call == LevelCall.TryLease ? gate.Task : Task.CompletedTask;
        var released = new TaskCompletionSource<string>();
        _level.After = (call, key) =>
        {
            if (call == LevelCall.ReleaseLease)
            {
                released.TrySetResult(key);
            }

            return Task.CompletedTask;
        };
        var asking = _second.TryLeaseAsync("key", 7, default).AsTask();
        _time.Advance(Read);
        Assert.False((await asking.WaitAsync(TimeSpan.FromSeconds(30))).Succeeded);

        gate.SetResult();
        Assert.Equal("key", await released.Task.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.True((await _second.TryLeaseAsync("key", 8, default)).Value.Granted);
    }

    private Task<Exception?> CallAsync(LevelCall call)
    {
        return call switch
        {
            LevelCall.Get => Failure(_second.GetAsync("key", default)),
            LevelCall.GetId => Failure(_second.GetIdAsync("key")),
            LevelCall.GetStamp => Failure(_second.GetStampAsync("group", TimeSpan.FromDays(1))),
            LevelCall.TryLease => Failure(_second.TryLeaseAsync("key", 1, default)),
            LevelCall.Set => Failure(_second.SetAsync(default, "key", default, default)),
            LevelCall.SetLeased => Failure(_second.SetLeasedAsync("key", 1, default, TimeSpan.FromDays(1))),
            LevelCall.RenewLease => Failure(_second.RenewLeaseAsync("key", 1)),
            LevelCall.ReleaseLease => Failure(_second.ReleaseLeaseAsync("key", 1)),
            LevelCall.Advance => Failure(_second.AdvanceAsync()),
            LevelCall.Remove => Failure(_second.RemoveAsync("key")),
            _ => Failure(_second.SetStampAsync("group", 1, TimeSpan.FromDays(1))),
        };

        static async Task<Exception?> Failure<T>(ValueTask<Answer<T>> answer) => (await answer).Failure;
    }
}
