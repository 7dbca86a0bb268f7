using System.Diagnostics.CodeAnalysis;
using Larder.Diagnostics;

namespace Larder.Engine;

/// <remarks>
/// <para>A value that has expired may stand in for one that cannot be loaded, or not in time. Callers wait for a load each for itself, so
/// that one who gives up does not give up for the others; the load goes on and stores what it loads.</para>
/// <para>Whether a value may stand in is asked when it is to be served, not when it is found: a load may take long, and the value may have
/// been invalidated meanwhile, or this node may have lost touch with the others.</para>
/// </remarks>
internal sealed partial class CacheEngine
{
    // Why a value stands in: its load has failed, took too long, or failed a moment ago and is not tried again yet.
    private const string Failed = "error";
    private const string TimedOut = "timeout";
    private const string Held = "held";

    /// <summary>Waits for a load as long as the rules allow. Says whether a stale value stands in; otherwise the load has ended.</summary>
    /// <exception cref="TimeoutException">The hard timeout passed, and there is nothing to stand in.</exception>
    private async ValueTask<(bool StandsIn, T Value)> AwaitLoadAsync<T>(Task load, Flight<T> flight, EntryPolicy policy, CancellationToken cancellationToken)
    {
        var rules = policy.Rules;
        var began = _clock.Provider.GetTimestamp();
        try
        {
            // The soft timeout counts from when the load began: who comes later need not wait that long again.
            if (rules.SoftTimeout != Timeout.InfiniteTimeSpan && !await EndsWithinAsync(load, rules.SoftTimeout - EngineClock.Span(flight.Age)).ConfigureAwait(false))
            {
                // Only then is it known what the second level has to offer.
                if (await EndsWithinAsync(Task.WhenAny(load, flight.FactoryStart), Left()).ConfigureAwait(false) && !load.IsCompleted)
                {
                    var standIn = StandInAsync(flight, policy, TimedOut).AsTask();
                    if (await EndsWithinAsync(standIn, Left()).ConfigureAwait(false) && await standIn.ConfigureAwait(false) is { StandsIn: true } early)
                    {
                        Abandon(flight, load);
                        return early;
                    }
                }
            }

            // Whether a value may stand in is found out ahead, so that asking does not take longer than the caller waits.
            if (!load.IsCompleted && rules.HardTimeout != Timeout.InfiniteTimeSpan)
            {
                var ahead = rules.HardTimeout / 2 < _timeouts.Read ? rules.HardTimeout / 2 : _timeouts.Read;
                if (!await EndsWithinAsync(load, Left() - ahead).ConfigureAwait(false))
                {
                    var mayStandIn = MayStandInAsync(flight, policy).AsTask();
                    if (!await EndsWithinAsync(load, Left()).ConfigureAwait(false))
                    {
                        Abandon(flight, load);
                        return mayStandIn.IsCompletedSuccessfully && await mayStandIn.ConfigureAwait(false) && TryTakeStandIn<T>(flight, policy, TimedOut, out var value)
                            ? (true, value)
                            : throw new TimeoutException(
                                FormattableString.Invariant($"The value was not loaded within {rules.HardTimeout} (HardTimeout). The load goes on in the background, and what it loads is stored."));
                    }
                }
            }

            await load.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!load.IsCompleted)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            return default;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested && !load.IsCompleted)
        {
            flight.Leave();
            Observe(load);
            throw;
        }

        TimeSpan Left()
        {
            if (rules.HardTimeout == Timeout.InfiniteTimeSpan)
            {
                return rules.HardTimeout;
            }

            var left = rules.HardTimeout - _clock.Provider.GetElapsedTime(began);
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }

        async ValueTask<bool> EndsWithinAsync(Task task, TimeSpan time)
        {
            if (!task.IsCompleted)
            {
                time = time == Timeout.InfiniteTimeSpan || time > TimeSpan.Zero ? time : TimeSpan.Zero;
                await task.WaitAsync(time, _clock.Provider, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (!task.IsCompleted)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                }
            }

            return task.IsCompleted;
        }
    }

    /// <summary>A value for callers whose load has failed or takes too long, if there is one that may be served.</summary>
    private async ValueTask<(bool StandsIn, T Value)> StandInAsync<T>(Flight<T> flight, EntryPolicy policy, string reason)
    {
        // Someone may have stored a value while the load ran.
        var key = flight.Key;
        if (policy.ReadsMemory && flight.IsFenced && TryHit<T>(key.Scope, key.Key, out var stored))
        {
            return (true, stored);
        }

        return await MayStandInAsync(flight, policy).ConfigureAwait(false) && TryTakeStandIn<T>(flight, policy, reason, out var value) ? (true, value) : default;
    }

    // Asked again when it is taken: what was certain a moment ago may have been invalidated since.
    private bool TryTakeStandIn<T>(Flight<T> flight, EntryPolicy policy, string reason, [MaybeNullWhen(false)] out T value)
    {
        value = default;
        if (flight.Stale is not { } entry
            || flight.IsFenced
            || (policy.Rules.StaleIfErrorServes == StaleValues.Verified && !entry.IsCurrent())
            || (policy.Rules.StaleIfErrorServes == StaleValues.Unverified && entry.IsKnownInvalid())
            || !TryReadValue(entry, out value))
        {
            return false;
        }

        if (reason == Failed)
        {
            HoldOver(flight, entry, policy);
        }

        if (_metrics.Stale.Enabled)
        {
            _metrics.Stale.Add(1, entry.Scope.Labels.With(LarderMetrics.Tag(AttributeNames.Reason, reason)));
        }

        entry.Scope.Counters?.Add(Tally.Stale);
        return true;
    }

    /// <summary>Whether the stale value that a load has found may be served.</summary>
    private async ValueTask<bool> MayStandInAsync<T>(Flight<T> flight, EntryPolicy policy)
    {
        var now = _clock.Now;
        if (flight.Stale is not { Terms: { } terms } entry || flight.IsFenced || !terms.MayStandIn(now))
        {
            return false;
        }

        var values = policy.Rules.StaleIfErrorServes;
        if (now < Volatile.Read(ref _trustedUntil) && now < VerifyBy(entry.VerifiedAt) && entry.IsCurrent())
        {
            return true;
        }

        if (_second is null)
        {
            return values == StaleValues.Invalidated || entry.IsCurrent();
        }

        var physicalKey = entry.Scope.PhysicalKey(entry.Key);
        if (values == StaleValues.Invalidated && !_pending.HasKey(physicalKey) && entry.Origin is { Id: not 0 } origin && !MustReapply)
        {
            // Whatever became of its tags, a key that someone removed is not there any more.
            var id = await _second.GetIdAsync(physicalKey).ConfigureAwait(false);
            return !id.Succeeded || id.Value == origin.Id;
        }

        return await VerifyAsync(entry, physicalKey).ConfigureAwait(false) switch
        {
            Verification.Valid => true,
            Verification.Unknown => values != StaleValues.Verified && !entry.IsKnownInvalid(),
            _ => false,
        };
    }

    /// <summary>Notes that a load was tried, so that the next callers are given the value without another try for a while.</summary>
    private void HoldOver<T>(Flight<T> flight, MemoryEntry entry, EntryPolicy policy)
    {
        var now = _clock.Now;
        entry.Terms!.Hold(entry, now, EngineClock.AddSaturating(now, policy.Rules.StaleIfErrorThrottle), endsRefresh: false, VerifyBy(entry.VerifiedAt));
        if (entry.Residence == EntryResidence.None && (policy.WritesMemory || !_keepsMemory))
        {
            // It came from the second level.
            flight.Store((_memory, entry), static state =>
            {
                if (!state._memory.TryGet(state.entry.Scope, state.entry.Key, out _))
                {
                    state._memory.Set(state.entry);
                }
            });
        }
    }

    /// <summary>A caller stops waiting for a load that is to go on, unless too many go on already.</summary>
    private void Abandon<T>(Flight<T> flight, Task load)
    {
        Observe(load);
        if (Interlocked.Increment(ref _refreshes) > _options.MaximumBackgroundLoads)
        {
            Interlocked.Decrement(ref _refreshes);
            flight.Leave();
        }
        else if (!flight.TryDetach(_stoppingToken))
        {
            // Others wait for it, or it has ended.
            Interlocked.Decrement(ref _refreshes);
        }
    }

    // Nobody else will look at how it ends.
    private static void Observe(Task load) => _ = load.ContinueWith(static ended => _ = ended.Exception, TaskScheduler.Default);
}
