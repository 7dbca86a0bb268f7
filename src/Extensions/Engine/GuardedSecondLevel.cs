using Larder.Diagnostics;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.CircuitBreaker;

namespace Larder.Engine;

/// <summary>
/// The second level as the engine sees it: no method throws or takes longer than the timeout, and while the server is
/// down calls do not even try.
/// </summary>
internal sealed class GuardedSecondLevel
{
    private readonly SecondLevel _inner;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private static readonly TimeSpan BreakDuration = TimeSpan.FromSeconds(1);

    private long _openUntil;
    private readonly ResiliencePipeline _breaker;

    public GuardedSecondLevel(SecondLevel inner, TimeSpan timeout, TimeProvider time, ILogger logger)
    {
        _inner = inner;
        _timeout = timeout;
        _time = time;
        _logger = logger;
        _breaker = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions
            {
                // Opens when half of at least four calls within five seconds failed; lets one through after a second.
                FailureRatio = 0.5,
                MinimumThroughput = 4,
                SamplingDuration = TimeSpan.FromSeconds(5),
                BreakDuration = BreakDuration,
                ShouldHandle = static arguments => ValueTask.FromResult(arguments.Outcome.Exception is not null),
                OnOpened = arguments =>
                {
                    Volatile.Write(ref _openUntil, _time.GetTimestamp() + (long)(BreakDuration.TotalSeconds * _time.TimestampFrequency));
                    _logger.SecondLevelLost(arguments.Outcome.Exception);
                    return default;
                },
                OnClosed = arguments =>
                {
                    Volatile.Write(ref _openUntil, 0);
                    _logger.SecondLevelBack();
                    return default;
                },
            })
            .Build();
    }

    public bool HasLeases => _inner.HasLeases;

    public bool KeepsOwnMemory => _inner.KeepsOwnMemory;

    /// <summary>
    /// Whether a call would be answered without asking the server, because it failed lately. By the clock rather than by
    /// the breaker's state: that one leaves "open" only when a call is tried, and callers who look here first would never try.
    /// </summary>
    public bool IsOpen
    {
        get
        {
            var until = Volatile.Read(ref _openUntil);
            return until != 0 && _time.GetTimestamp() < until;
        }
    }

    public ValueTask<Answer<StoredPayload>> GetAsync(string key, HybridCacheEntryFlags flags) =>
        RunAsync(static (level, s, token) => level.GetAsync(s.key, s.flags, token), (key, flags));

    public ValueTask<Answer<long?>> GetIdAsync(string key) =>
        RunAsync(static (level, s, token) => level.GetIdAsync(s, token), key);

    public ValueTask<Answer<bool>> SetAsync(string key, ReadOnlyMemory<byte> payload, StoreTerms terms) =>
        RunAsync(static async (level, s, token) =>
        {
            await level.SetAsync(s.key, s.payload, s.terms, token).ConfigureAwait(false);
            return true;
        }, (key, payload, terms), _inner.HasLeases ? null : late => RemoveLateWrite(late, key));

    public ValueTask<Answer<bool>> RemoveAsync(string key) =>
        RunAsync(static async (level, s, token) =>
        {
            await level.RemoveAsync(s, token).ConfigureAwait(false);
            return true;
        }, key);

    public ValueTask<Answer<long>> GetStampAsync(string group, TimeSpan life) =>
        RunAsync(static (level, s, token) => level.GetStampAsync(s.group, s.life, token), (group, life));

    public ValueTask<Answer<bool>> SetStampAsync(string group, long stamp, TimeSpan life) =>
        RunAsync(static async (level, s, token) =>
        {
            await level.SetStampAsync(s.group, s.stamp, s.life, token).ConfigureAwait(false);
            return true;
        }, (group, stamp, life));

    public ValueTask<Answer<LeaseAnswer>> TryLeaseAsync(string key, long leaseToken, LeaseDemand demand) =>
        RunAsync(static (level, s, token) => level.TryLeaseAsync(s.key, s.leaseToken, s.demand, token), (key, leaseToken, demand));

    public ValueTask<Answer<LeaseEnd>> SetLeasedAsync(string key, long leaseToken, ReadOnlyMemory<byte> payload, TimeSpan expiration) =>
        RunAsync(static (level, s, token) => level.SetLeasedAsync(s.key, s.leaseToken, s.payload, s.expiration, token), (key, leaseToken, payload, expiration));

    public ValueTask<Answer<bool>> RenewLeaseAsync(string key, long leaseToken) =>
        RunAsync(static (level, s, token) => level.RenewLeaseAsync(s.key, s.leaseToken, token), (key, leaseToken));

    public ValueTask<Answer<LeaseEnd>> ReleaseLeaseAsync(string key, long leaseToken) =>
        RunAsync(static (level, s, token) => level.ReleaseLeaseAsync(s.key, s.leaseToken, token), (key, leaseToken));

    public ValueTask<Answer<bool>> TouchAsync(string key, long id, TimeSpan left, TimeSpan sliding) =>
        RunAsync(static async (level, s, token) =>
        {
            await level.TouchAsync(s.key, s.id, s.left, s.sliding, token).ConfigureAwait(false);
            return true;
        }, (key, id, left, sliding));

    /// <summary>Not guarded: what is in this process can always be forgotten, whatever the server does.</summary>
    public void ForgetLocally(string key) =>
        _ = _inner.ForgetLocallyAsync(key, CancellationToken.None).ContinueWith(static ended => _ = ended.Exception, TaskScheduler.Default);

    /// <summary>Not guarded: an operator asked for it and is told if it fails.</summary>
    public IAsyncEnumerable<PurgeProgress> PurgeAsync(CancellationToken cancellationToken) => _inner.PurgeAsync(cancellationToken);

    public ValueTask<Answer<bool>> TryClaimPurgeAsync(TimeSpan interval) =>
        RunAsync(static (level, s, token) => level.TryClaimPurgeAsync(s, token), interval);

    public ValueTask<Answer<long>> AdvanceAsync() => RunAsync(static (level, _, token) => level.AdvanceAsync(token), 0);

    /// <summary>
    /// A write that was given up may still arrive, after a removal that did not wait for it. Without leases nothing stops it, so
    /// what it leaves is removed.
    /// </summary>
    private void RemoveLateWrite(Task write, string key) =>
        _ = write.ContinueWith(
            async late =>
            {
                _ = late.Exception;
                await RemoveAsync(key).ConfigureAwait(false);
            },
            TaskScheduler.Default);

    private async ValueTask<Answer<T>> RunAsync<TState, T>(Func<SecondLevel, TState, CancellationToken, Task<T>> call, TState state, Action<Task>? onLate = null)
    {
        var context = ResilienceContextPool.Shared.Get(continueOnCapturedContext: false);
        try
        {
            var outcome = await _breaker.ExecuteOutcomeAsync(
                static async (context, s) =>
                {
                    Task<T>? task = null;
                    try
                    {
                        // Clients ignore cancellation once a command is sent, so the wait ends here rather than there.
                        task = s.call(s.self._inner, s.state, CancellationToken.None);
                        if (!task.IsCompleted)
                        {
                            await task.WaitAsync(s.self._timeout, s.self._time).ConfigureAwait(false);
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
                (self: this, call, state, onLate)).ConfigureAwait(false);
            return new Answer<T>(outcome.Exception is null, outcome.Result, outcome.Exception);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }
}

/// <summary>What the second level said, or that it said nothing.</summary>
internal readonly struct Answer<T>(bool succeeded, T? value, Exception? failure)
{
    public bool Succeeded { get; } = succeeded;

    /// <summary>The value; meaningful only if the call succeeded.</summary>
    public T Value { get; } = value!;

    public Exception? Failure { get; } = failure;
}
