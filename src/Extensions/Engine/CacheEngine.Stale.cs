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
            if (rules.SoftTimeout != Timeout.InfiniteTimeSpan && !await EndsWithinAsync(load, rules.SoftTimeout).ConfigureAwait(false))
            {
                // Only then is it known what the second level has to offer.
                if (await EndsWithinAsync(Task.WhenAny(load, flight.FactoryStart), rules.HardTimeout == Timeout.InfiniteTimeSpan ? rules.HardTimeout : Left()).ConfigureAwait(false)
                    && !load.IsCompleted
                    && await StandInAsync(flight, policy, TimedOut).ConfigureAwait(false) is { StandsIn: true } early)
                {
                    Abandon(load);
                    return early;
                }
            }

            if (!load.IsCompleted && rules.HardTimeout != Timeout.InfiniteTimeSpan && !await EndsWithinAsync(load, Left()).ConfigureAwait(false))
            {
                Abandon(load);
                return await StandInAsync(flight, policy, TimedOut).ConfigureAwait(false) is { StandsIn: true } late
                    ? late
                    : throw new TimeoutException(
                        FormattableString.Invariant($"The value was not loaded within {rules.HardTimeout} (HardTimeout). The load goes on in the background, and what it loads is stored."));
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
            Abandon(load);
            throw;
        }

        TimeSpan Left()
        {
            var left = rules.HardTimeout - _clock.Provider.GetElapsedTime(began);
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }

        async ValueTask<bool> EndsWithinAsync(Task task, TimeSpan time)
        {
            if (!task.IsCompleted)
            {
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

        if (flight.Stale is not { Terms: { } terms } entry || flight.IsFenced || _clock.Now >= terms.StaleUntil)
        {
            return default;
        }

        if (!await MayStandInAsync(entry, policy.Rules.StaleIfErrorServes).ConfigureAwait(false) || flight.IsFenced || !TryReadEntry<T>(entry, out var value))
        {
            return default;
        }

        if (reason != Held)
        {
            HoldOver(flight, entry, policy.Rules.StaleIfErrorThrottle, keep: true);
        }

        _metrics.Stale.Add(1, LarderMetrics.Tag("reason", reason));
        return (true, value);
    }

    private async ValueTask<bool> MayStandInAsync(MemoryEntry entry, StaleValues values)
    {
        if (values == StaleValues.Invalidated)
        {
            return true;
        }

        var now = _clock.Now;
        if (now < Volatile.Read(ref _trustedUntil) && now < VerifyBy(entry.VerifiedAt) && entry.IsCurrent())
        {
            return true;
        }

        if (_second is null)
        {
            return entry.IsCurrent();
        }

        return await VerifyAsync(entry, entry.Scope.PhysicalKey(entry.Key)).ConfigureAwait(false) switch
        {
            Verification.Valid => true,
            Verification.Unknown => values == StaleValues.Unverified && !entry.IsKnownInvalid(),
            _ => false,
        };
    }

    /// <summary>Notes that a load was tried, so that the next callers are given the value without another try for a while.</summary>
    private void HoldOver<T>(Flight<T> flight, MemoryEntry entry, TimeSpan throttle, bool keep)
    {
        var now = _clock.Now;
        entry.Terms!.Hold(EngineClock.AddSaturating(now, throttle), endsRefresh: false);
        entry.Serve(Math.Min(entry.Terms.ServeUntil(entry.FreshUntil, now), VerifyBy(entry.VerifiedAt)));
        if (keep && entry.Residence == EntryResidence.None)
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

    private static void Abandon(Task load) => _ = load.ContinueWith(static ended => _ = ended.Exception, TaskScheduler.Default);
}
