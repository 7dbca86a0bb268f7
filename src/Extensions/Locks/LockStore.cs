using System.Collections.Concurrent;
using System.Diagnostics;
using Larder.Engine;
using Microsoft.Extensions.Logging;

namespace Larder.Locks;

/// <summary>Takes locks, in this process and then at the server if there is one, and gives them back.</summary>
internal sealed class LockStore(CacheEngine engine, ILockServer? server, bool isStoreShared, ILogger logger) : IAsyncDisposable, IDisposable
{
    private static readonly TimeSpan FirstPoll = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPoll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ShortestPoll = TimeSpan.FromMilliseconds(5);

    private readonly LockQueue _queue = new();
    private readonly ConcurrentDictionary<HeldLock, bool> _held = new();
    private readonly CancellationTokenSource _stopping = new();
    private long _lastFence;
    private int _disposed;

    public TimeProvider Time => engine.Clock.Provider;

    public ILogger Logger => logger;

    /// <summary>How many names are held or waited for in this process.</summary>
    public int Count => _queue.Count;

    public ScopeState Scope(CacheScope scope) => engine.Scope(scope);

    /// <summary>The lock, or null if it was not free in time.</summary>
    public ValueTask<ICacheLock?> AcquireAsync(ScopeState scope, string name, CacheLockOptions options, TimeSpan timeout, CancellationToken cancellationToken) =>
        engine.MeasuresLocks ? AcquireMeasuredAsync(scope, name, options, timeout, cancellationToken) : AcquireUnmeasuredAsync(scope, name, options, timeout, cancellationToken);

    private async ValueTask<ICacheLock?> AcquireMeasuredAsync(ScopeState scope, string name, CacheLockOptions options, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var (began, outcome) = (Time.GetTimestamp(), "failed");
        try
        {
            var held = await AcquireUnmeasuredAsync(scope, name, options, timeout, cancellationToken).ConfigureAwait(false);
            outcome = held is null ? "not_free" : "acquired";
            return held;
        }
        catch (OperationCanceledException)
        {
            outcome = "cancelled";
            throw;
        }
        finally
        {
            engine.CountLockWait(scope, began, outcome);
        }
    }

    private async ValueTask<ICacheLock?> AcquireUnmeasuredAsync(ScopeState scope, string name, CacheLockOptions options, TimeSpan timeout, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, typeof(ICacheLocks));
        if (server is null && isStoreShared && !options.IsLocal)
        {
            throw new NotSupportedException(
                "Locks need a Redis or Valkey server (UseRedis), or memory alone: this cache's store has no atomic operation, so nodes cannot exclude each other. "
                + "Set CacheLockOptions.IsLocal if the lock need only hold within this process.");
        }

        var claim = new LockClaim(scope, name, scope.PhysicalKey(name), RandomId.Next(), options.LeaseDuration, server is not null && !options.IsLocal);
        var began = Time.GetTimestamp();
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        try
        {
            if (!await _queue.EnterAsync(claim.QueueName, timeout, Time, stopping.Token).ConfigureAwait(false))
            {
                return null;
            }

            HeldLock? held = null;
            try
            {
                held = claim.IsShared ? await AskUntilGrantedAsync(claim, began, timeout, stopping.Token).ConfigureAwait(false) : new HeldLock(this, claim, NextFence(), 0);
                return held;
            }
            finally
            {
                if (held is null)
                {
                    _queue.Leave(claim.QueueName);
                }
                else
                {
                    Keep(held);
                }
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested && _stopping.IsCancellationRequested)
        {
            throw new ObjectDisposedException(nameof(ICacheLocks), "The cache was disposed of while the lock was waited for.");
        }
        catch (OperationCanceledException)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }

    public ValueTask<Answer<bool>> RenewAsync(LockClaim claim) =>
        engine.AskAsync("renew_lock", static s => s.server!.RenewAsync(s.claim.Key, s.claim.Owner, s.claim.Lease), (server, claim), isRead: false);

    /// <summary>The holder is done. The server is told whatever the state was, because it compares the owner; it may not answer, and then the lock ends with its lease.</summary>
    public async ValueTask GiveBackAsync(HeldLock held, bool wasHeld)
    {
        if (held.Claim.IsShared)
        {
            await ReleaseAsync(held.Claim).ConfigureAwait(false);
        }

        if (wasHeld)
        {
            Forget(held);
        }
    }

    /// <summary>The lock is not this process's any more; the next caller may have the name. Once for each that was held.</summary>
    public void Forget(HeldLock held)
    {
        _held.TryRemove(held, out _);
        _queue.Leave(held.Claim.QueueName);
    }

    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>Tells all holders that their locks are lost. They are not given back: the holder may be in the middle of what it protects, and the lease gives it time to stop.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _stopping.CancelAsync().ConfigureAwait(false);
        foreach (var (held, _) in _held)
        {
            held.Lose();
        }
    }

    // Waits are by the engine's waits for leases: a release that somebody waits for is told to the other nodes, and behind that lies a poll that slows down. A lock
    // and an entry of one name wake each other's waits, which costs a look.
    private async ValueTask<HeldLock?> AskUntilGrantedAsync(LockClaim claim, long began, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var poll = FirstPoll;
        while (true)
        {
            // Registered before asking, so that an answer "someone holds it" cannot be followed by a message we miss.
            using var wait = engine.AwaitRelease(claim.Scope, claim.Name);
            var left = timeout == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : timeout - Time.GetElapsedTime(began);
            var sentAt = Time.GetTimestamp();
            Task<LockAnswer>? asked = null;
            var answer = await engine.AskAsync(
                "acquire_lock", s => asked = s.server!.TryAcquireAsync(s.claim.Key, s.claim.Owner, s.claim.Lease, s.waits), (server, claim, waits: left > TimeSpan.Zero), isRead: false).ConfigureAwait(false);
            if (!answer.Succeeded)
            {
                GiveBackUnanswered(asked, claim);
                throw new SecondLevelException(
                    "The lock was not taken: the second level did not answer. It may have given the lock to this caller all the same; that is given back, or ends with its lease.", answer.Failure);
            }

            if (answer.Value.IsGranted)
            {
                // An answer that took longer than the lease proves nothing; and who has cancelled does not want it.
                if (!cancellationToken.IsCancellationRequested && Time.GetElapsedTime(sentAt) < claim.ProvenFor)
                {
                    return new HeldLock(this, claim, answer.Value.FencingToken, sentAt);
                }

                await ReleaseAsync(claim).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
                if (left > Time.GetElapsedTime(sentAt))
                {
                    continue;
                }

                throw new SecondLevelException("The lock was not taken: the second level takes longer to answer than the lease lasts.", null);
            }

            cancellationToken.ThrowIfCancellationRequested();
            if (left <= TimeSpan.Zero)
            {
                return null;
            }

            await wait.WaitAsync(Pause(poll, answer.Value.EndsIn, left, engine.NextShare()), Time, cancellationToken).ConfigureAwait(false);
            poll = poll * 2 < LongestPoll ? poll * 2 : LongestPoll;
        }
    }

    // Until the lease may have ended, at most: a holder that has died tells nobody. Each node a little differently, so that they do not all come at once.
    private static TimeSpan Pause(TimeSpan poll, TimeSpan endsIn, TimeSpan left, double share)
    {
        var pause = endsIn < poll ? endsIn : poll;
        pause = (pause > ShortestPoll ? pause : ShortestPoll) * (1 + (share / 2));
        return pause < left ? pause : left;
    }

    private async ValueTask ReleaseAsync(LockClaim claim)
    {
        var released = await engine.AskAsync("release_lock", static s => s.server!.ReleaseAsync(s.claim.Key, s.claim.Owner), (server, claim), isRead: false).ConfigureAwait(false);
        if (released is { Succeeded: true, Value: true })
        {
            engine.TellReleased(claim.Scope, claim.Name);
        }
    }

    /// <summary>
    /// Nobody knows whether the server has given the lock; one that is given to a caller who no longer waits for it would only hold up others. Not guarded: the breaker may be open,
    /// of all moments now. Tried once, because otherwise the lock ends with its lease.
    /// </summary>
    private void GiveBackUnanswered(Task<LockAnswer>? asked, LockClaim claim) =>
        _ = asked?.ContinueWith(
            async late =>
            {
                try
                {
                    var mayBeGiven = !late.IsCompletedSuccessfully || (await late.ConfigureAwait(false)).IsGranted;
                    if (mayBeGiven && await server!.ReleaseAsync(claim.Key, claim.Owner).ConfigureAwait(false))
                    {
                        engine.TellReleased(claim.Scope, claim.Name);
                    }
                }
                catch (Exception)
                {
                    // The server is still away, or the cache was disposed of.
                }
            },
            TaskScheduler.Default);

    private void Keep(HeldLock held)
    {
        _held[held] = true;

        // It may have been lost, or all may have been disposed of, before it stood there.
        if (Volatile.Read(ref _disposed) != 0)
        {
            held.Lose();
        }

        if (held.LostToken.IsCancellationRequested)
        {
            _held.TryRemove(held, out _);
        }
    }

    /// <summary>One sequence for all names of the process, so none has to be remembered; it goes on above where an earlier process may have ended.</summary>
    private long NextFence()
    {
        var now = (Time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        while (true)
        {
            var last = Volatile.Read(ref _lastFence);
            var next = Math.Max(now, last + 1);
            if (Interlocked.CompareExchange(ref _lastFence, next, last) == last)
            {
                Debug.Assert(next > last, "Tokens only grow.");
                return next;
            }
        }
    }
}
