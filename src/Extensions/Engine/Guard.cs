using System.Diagnostics.Metrics;
using Larder.Diagnostics;
using Polly;
using Polly.CircuitBreaker;

namespace Larder.Engine;

/// <summary>
/// Stands before something that may be away: no call throws or takes longer than its timeout, and while it fails calls do not
/// even try. What is counted and what is said when its state changes is its owner's.
/// </summary>
internal sealed class Guard
{
    private static readonly TimeSpan BreakDuration = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ShortestSample = TimeSpan.FromSeconds(1);

    // One for all: it is never thrown, it only says why.
    private static readonly BrokenCircuitException Refusal = new("It failed lately and was not asked again.");

    private readonly TimeProvider _time;
    private readonly Counter<long> _failures;
    private readonly ResiliencePipeline _breaker;
    private long _openUntil;
    private Exception? _lastFailure;

    /// <param name="name">Which breaker this is, in metrics and health reports.</param>
    /// <param name="longestTimeout">The longest that a call will be given.</param>
    /// <param name="failures">Counts calls that failed or were not made.</param>
    /// <param name="lost">Told once when calls begin to be refused, with the last failure.</param>
    /// <param name="back">Told once when one has succeeded again.</param>
    /// <param name="time">Time.</param>
    public Guard(string name, TimeSpan longestTimeout, Counter<long> failures, Action<Exception?> lost, Action back, TimeProvider time)
    {
        Name = name;
        _time = time;
        _failures = failures;

        // Three calls, one after the other, that each wait for their timeout must fit into one sample, or it never opens. No longer than that:
        // on a busy node the successes from before a silence keep it closed until they have left the sample.
        var sample = longestTimeout * 3.5;
        _breaker = new ResiliencePipelineBuilder { TimeProvider = new ForwardTime(time) }
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions
            {
                // Opens when half of at least three calls within the sample failed; lets one through after a second.
                FailureRatio = 0.5,
                MinimumThroughput = 3,
                SamplingDuration = sample > ShortestSample ? sample : ShortestSample,
                BreakDuration = BreakDuration,
                ShouldHandle = static arguments => ValueTask.FromResult(arguments.Outcome.Exception is not null),
                OnOpened = arguments =>
                {
                    // Also when the one that was let through has failed: that is no news.
                    var until = _time.GetTimestamp() + (long)(BreakDuration.TotalSeconds * _time.TimestampFrequency);
                    if (Interlocked.Exchange(ref _openUntil, until) == 0)
                    {
                        lost(arguments.Outcome.Exception);
                    }

                    return default;
                },
                OnClosed = _ =>
                {
                    Volatile.Write(ref _lastFailure, null);
                    Volatile.Write(ref _openUntil, 0);
                    back();
                    return default;
                },
            })
            .Build();
    }

    public string Name { get; }

    /// <summary>
    /// Whether a call would be refused at once. By the clock rather than by the breaker's state: that one leaves "open" only when a
    /// call is tried, and callers who look here first would never try.
    /// </summary>
    public bool IsOpen
    {
        get
        {
            var until = Volatile.Read(ref _openUntil);
            return until != 0 && _time.GetTimestamp() < until;
        }
    }

    /// <summary>Whether it has opened and no call has succeeded since.</summary>
    public bool IsTripped => Volatile.Read(ref _openUntil) != 0;

    /// <summary>Why the last call that was made failed; what is refused is refused because of it.</summary>
    public Exception LastFailure => Volatile.Read(ref _lastFailure) ?? Refusal;

    /// <summary>Makes a call, unless the breaker is open.</summary>
    /// <param name="call">The call.</param>
    /// <param name="state">Handed to it.</param>
    /// <param name="timeout">How long it is awaited.</param>
    /// <param name="operation">What it is, for the counter of failures; null where that is clear.</param>
    /// <param name="onLate">Gets the task of a call that was given up while it was still under way.</param>
    public ValueTask<Answer<T>> RunAsync<TState, T>(
        Func<TState, Task<T>> call, TState state, TimeSpan timeout, string? operation = null, Action<Task<T>>? onLate = null)
    {
        if (IsOpen)
        {
            CountRefusal(operation);
            return new(new Answer<T>(false, default, LastFailure));
        }

        return TryAsync(call, state, timeout, operation, onLate);
    }

    /// <summary>Counts a call that its caller did not even begin, having looked at <see cref="IsOpen"/>.</summary>
    public void CountRefusal(string? operation) => Count(operation, Refusal);

    private async ValueTask<Answer<T>> TryAsync<TState, T>(
        Func<TState, Task<T>> call, TState state, TimeSpan timeout, string? operation, Action<Task<T>>? onLate)
    {
        var context = ResilienceContextPool.Shared.Get(continueOnCapturedContext: false);
        try
        {
            var outcome = await _breaker.ExecuteOutcomeAsync(
                static async (resilience, s) =>
                {
                    Task<T>? task = null;
                    try
                    {
                        // Clients ignore cancellation once a command is sent, so the wait ends here rather than there.
                        task = s.call(s.state);
                        if (!task.IsCompleted)
                        {
                            await task.WaitAsync(s.timeout, s.time).ConfigureAwait(false);
                        }

                        return Outcome.FromResult(await task.ConfigureAwait(false));
                    }
                    catch (Exception exception)
                    {
                        // Nobody else will look at what a call that came too late ends with.
                        _ = task?.ContinueWith(static late => _ = late.Exception, TaskScheduler.Default);
                        if (task is { IsCompleted: false })
                        {
                            s.onLate?.Invoke(task);
                        }

                        return Outcome.FromException<T>(exception);
                    }
                },
                context,
                (call, state, timeout, onLate, time: _time)).ConfigureAwait(false);
            if (outcome.Exception is not { } failure)
            {
                return new Answer<T>(true, outcome.Result, null);
            }

            Count(operation, failure);
            if (failure is BrokenCircuitException)
            {
                return new Answer<T>(false, default, LastFailure);
            }

            Volatile.Write(ref _lastFailure, failure);
            return new Answer<T>(false, default, failure);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    private void Count(string? operation, Exception failure)
    {
        if (!_failures.Enabled)
        {
            return;
        }

        var reason = LarderMetrics.Tag(AttributeNames.Reason, failure switch
        {
            BrokenCircuitException => "open",
            TimeoutException => "timeout",
            _ => "error",
        });
        if (operation is null)
        {
            _failures.Add(1, reason);
        }
        else
        {
            _failures.Add(1, LarderMetrics.Tag(AttributeNames.OperationKind, operation), reason);
        }
    }

    /// <summary>The breaker looks at the wall clock; one that is set back by an hour must not keep it open for an hour.</summary>
    private sealed class ForwardTime(TimeProvider time) : TimeProvider
    {
        private readonly DateTimeOffset _start = time.GetUtcNow();
        private readonly long _timestamp = time.GetTimestamp();

        public override long TimestampFrequency => time.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => _start + time.GetElapsedTime(_timestamp);

        public override long GetTimestamp() => time.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            time.CreateTimer(callback, state, dueTime, period);
    }
}

/// <summary>What was answered, or that nothing was.</summary>
internal readonly struct Answer<T>(bool succeeded, T? value, Exception? failure)
{
    public bool Succeeded { get; } = succeeded;

    /// <summary>The value; meaningful only if the call succeeded.</summary>
    public T Value { get; } = value!;

    public Exception? Failure { get; } = failure;
}
