using Larder.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Larder.Locks;

/// <summary>A lock that is held, prolonged while it is.</summary>
/// <remarks>
/// <para>What can be proven is counted from the moment <em>before</em> the command was sent that took or prolonged the lock, so it ends before the server lets the lock go, however long
/// the answer took. A tenth of the lease is given away for clocks that do not go alike and timers that come late.</para>
/// <para>The state leaves "held" once, under the lock. The holder is told of a loss before the name goes to the next caller of this process.</para>
/// </remarks>
internal sealed class HeldLock : ICacheLock
{
    private readonly LockStore _store;
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _lost = new();
    private readonly ITimer? _renewal;
    private readonly ITimer? _ending;
    private long _provenAt;
    private State _state;
    private int _isRenewing;
    private int _disposed;

    /// <param name="store">Where it was taken.</param>
    /// <param name="claim">What was taken.</param>
    /// <param name="fencingToken">The holder's number.</param>
    /// <param name="provenAt">The timestamp from before the command was sent that took it; of no meaning if <paramref name="claim"/> is local.</param>
    public HeldLock(LockStore store, LockClaim claim, long fencingToken, long provenAt)
    {
        _store = store;
        Claim = claim;
        FencingToken = fencingToken;
        _provenAt = provenAt;
        LostToken = _lost.Token;
        if (claim.IsShared)
        {
            // The timers must not carry the scope and trace of who took the lock, and start only when both are known.
            using (ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow())
            {
                var interval = claim.Lease / 3;
                _ending = store.Time.CreateTimer(static held => ((HeldLock)held!).EndIfDue(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                _renewal = store.Time.CreateTimer(static held => _ = ((HeldLock)held!).RenewAsync(), this, interval, interval);
            }

            EndIfDue();
        }
    }

    private enum State
    {
        Held,
        Lost,
        GivenBack,
    }

    public LockClaim Claim { get; }

    public string Name => Claim.Name;

    public long FencingToken { get; }

    public CancellationToken LostToken { get; }

    public bool IsHeld
    {
        get
        {
            EndIfDue();
            lock (_lock)
            {
                return _state == State.Held;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        var before = Leave(State.GivenBack);
        StopTimers();

        // Also what was lost: the server may have it yet, and the owner is compared there. Only what is known to be another's need not be asked for.
        await _store.GiveBackAsync(this, wasHeld: before == State.Held).ConfigureAwait(false);
    }

    /// <summary>Whether a renewal is on its way, or its answer has not been taken in.</summary>
    internal bool IsRenewing => Volatile.Read(ref _isRenewing) != 0;

    /// <summary>It can no longer be proven; tells the holder, and lets the next caller of this process ask the server.</summary>
    public void Lose()
    {
        if (Leave(State.Lost) != State.Held)
        {
            return;
        }

        StopTimers();
        try
        {
            _lost.Cancel();
        }
        catch (AggregateException exception)
        {
            // What the application has registered there must not end the process from a timer.
            _store.Logger.LockHandlerFailed(exception);
        }

        _store.Forget(this);
    }

    /// <summary>Prolongs the lock at the server. One at a time: an answer that comes late must not find another on its way.</summary>
    internal async Task RenewAsync()
    {
        if (Interlocked.Exchange(ref _isRenewing, 1) != 0)
        {
            return;
        }

        try
        {
            lock (_lock)
            {
                if (_state != State.Held)
                {
                    return;
                }
            }

            var sentAt = _store.Time.GetTimestamp();
            var renewed = await _store.RenewAsync(Claim).ConfigureAwait(false);
            if (renewed is { Succeeded: true, Value: false })
            {
                Lose();
            }
            else if (renewed.Succeeded)
            {
                // An answer that comes when the time has run out does not bring back what the holder may have been told is lost.
                EndIfDue();
                lock (_lock)
                {
                    _provenAt = sentAt;
                }

                EndIfDue();
            }
            else
            {
                // Sooner than usual: there may be time for several attempts.
                _renewal!.Change(Claim.Lease / 10, Claim.Lease / 3);
            }
        }
        finally
        {
            Volatile.Write(ref _isRenewing, 0);
        }
    }

    private State Leave(State state)
    {
        lock (_lock)
        {
            var before = _state;
            _state = before == State.Held ? state : before;
            return before;
        }
    }

    private void EndIfDue()
    {
        if (!Claim.IsShared)
        {
            return;
        }

        var left = Claim.ProvenFor;
        lock (_lock)
        {
            if (_state != State.Held)
            {
                return;
            }

            left -= _store.Time.GetElapsedTime(_provenAt);
            if (left > TimeSpan.Zero)
            {
                // A timer may come a little early; it is set again. It is rounded up to whole milliseconds, or it would come early again and again.
                _ending!.Change(TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)), Timeout.InfiniteTimeSpan);
                return;
            }
        }

        Lose();
    }

    private void StopTimers()
    {
        _renewal?.Dispose();
        _ending?.Dispose();
    }
}
