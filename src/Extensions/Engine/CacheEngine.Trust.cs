using Larder.Backplane;
using Larder.Diagnostics;

namespace Larder.Engine;

/// <remarks>
/// <para>A node trusts its memory until <c>_trustedUntil</c>. Each proof that it hears the others (see <see cref="BackplaneChannel"/>)
/// moves that moment to <c>BackplaneTimeout</c> after the proof was sent. A hit compares it with the clock, so a node that was
/// suspended distrusts its memory with the first read after it wakes, before any timer has run.</para>
/// <para>When trust has lapsed and a proof arrives again, or a gap shows, everything is put in doubt once: each entry is then
/// compared with the second level on its next use (stamps, and its own id), and served if they agree.</para>
/// </remarks>
internal sealed partial class CacheEngine : IBackplaneListener
{
    private static readonly TimeSpan SweepInterval = TimeSpan.FromMinutes(1);

    private readonly Lock _trust = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _background;
    private readonly Task _purging;
    private TaskCompletionSource _wake = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _trustedUntil = long.MaxValue;
    private long _doubtGeneration;
    private bool _interrupted;
    private int _restored;
    private int _reapplied;
    private readonly Queue<(long At, long Count)> _counts = new();
    private int _uncacheableLogged;
    private int _disposed;

    /// <summary>Whether memory entries are served without asking the second level.</summary>
    public bool IsTrusted => _clock.Now < Volatile.Read(ref _trustedUntil);

    public int PendingCount => _pending.Count;

    /// <summary>
    /// A server has taken over and has not been told yet what this node invalidated last: what it holds may be from before
    /// that, so until then it is not read.
    /// </summary>
    private bool MustReapply => Volatile.Read(ref _restored) != Volatile.Read(ref _reapplied);

    void IBackplaneListener.OnMessage(in BackplaneMessage message)
    {
        switch (message.Kind)
        {
            case MessageKind.KeyChanged:
                CountInvalidation("key", "remote");
                if (_groups.FindScope(message.Scope) is { } changed)
                {
                    var key = new MemoryKey(changed, message.Name);
                    Forget(key);
                    _leaseWaits.Wake(key);
                }

                if (!_keepsMemory)
                {
                    // The wrapped cache keeps entries of scopes that nothing here refers to any more.
                    _ = _second!.ForgetLocallyAsync($"{ApplicationPrefix}{message.Scope}:{Scopes.ScopedKey.Key(message.Name)}");
                }

                break;
            case MessageKind.KeyFilled:
                if (_groups.FindScope(message.Scope) is { } filled)
                {
                    _leaseWaits.Wake(new MemoryKey(filled, message.Name));
                }

                break;
            case MessageKind.TagInvalidated:
                CountInvalidation("tag", "remote");
                if (_groups.FindScope(message.Scope) is { } tagged)
                {
                    _groups.Invalidate(tagged.TagActivity);
                    _groups.Invalidate(tagged.Tag(message.Name));
                }

                break;
            case MessageKind.LevelInvalidated:
                CountInvalidation("level", "remote");
                if (_groups.FindLevel(message.Scope) is { } level)
                {
                    _groups.Invalidate(level);
                }

                break;
            default:
                // A newer node says something this one does not understand.
                Doubt("an unknown message");
                break;
        }
    }

    void IBackplaneListener.OnHeard(long sentAt)
    {
        lock (_trust)
        {
            if (MustReapply)
            {
                return;
            }

            if (_interrupted || _clock.Now >= _trustedUntil)
            {
                DoubtEverything();
                _interrupted = false;
            }

            var until = EngineClock.AddSaturating(sentAt, _options.BackplaneTimeout);
            if (until > _trustedUntil)
            {
                Volatile.Write(ref _trustedUntil, until);
            }
        }
    }

    void IBackplaneListener.OnMissed(string cause) => Doubt(cause);

    void IBackplaneListener.OnInterrupted(string cause)
    {
        lock (_trust)
        {
            _interrupted = true;
            Volatile.Write(ref _trustedUntil, 0);
        }

        _logger.BackplaneDoubt(cause);
        Wake();
    }

    void IBackplaneListener.OnServerRestored()
    {
        lock (_trust)
        {
            Volatile.Write(ref _restored, _restored + 1);
            _interrupted = true;
            Volatile.Write(ref _trustedUntil, 0);
        }

        Wake();
    }

    private void Doubt(string cause)
    {
        lock (_trust)
        {
            DoubtEverything();
        }

        _logger.BackplaneDoubt(cause);
    }

    // Whoever sees the raised counter must see that keys are in doubt too, so that is said first.
    private void DoubtEverything() => _groups.DoubtEverything(generation => Volatile.Write(ref _doubtGeneration, generation));

    // Stamps read before this moment are not used.
    private long StampsReadAfter(long now) =>
        _backplane is null ? EngineClock.AddSaturating(now, _options.StampAge / -2)
        : now < Volatile.Read(ref _trustedUntil) ? long.MinValue
        : now;

    private long ServeUntil(long now, long expires)
    {
        if (_second is null || _backplane is not null)
        {
            return expires;
        }

        // Half the age for the stamp it was checked with, half for the entry itself: together no more than StampAge.
        return Math.Min(expires, EngineClock.AddSaturating(now, _options.StampAge / 2));
    }

    /// <summary>
    /// Whether an entry that has not expired may be served, although its generation or this node's hearing is in doubt:
    /// its stamps must be the current ones, and where single keys may have been missed the second level must hold the same
    /// entry.
    /// </summary>
    /// <remarks>
    /// When the second level does not answer, an entry that nothing on this node speaks against is served until it is
    /// <c>BackplaneTimeout</c> old, counted from its load or its last verification. So an outage costs one load per key and
    /// timeout on each node, and staleness stays bounded while it lasts.
    /// </remarks>
    private async ValueTask<bool> VerifyAsync(MemoryEntry entry, string physicalKey)
    {
        var generation = _groups.Counter;
        var now = _clock.Now;
        if (_second!.IsOpen || MustReapply)
        {
            return IsRecentEnough(entry);
        }

        var origin = entry.Origin;
        if (origin is null)
        {
            // Nothing to compare: it was loaded while the second level was away.
            return IsRecentEnough(entry) && !IsTrusted;
        }

        if (_pending.HasKey(physicalKey))
        {
            return false;
        }

        var scopeStamp = await _stamps!.GetAsync(entry.Scope, TimeSpan.Zero).ConfigureAwait(false);
        if (scopeStamp == 0)
        {
            return IsRecentEnough(entry);
        }

        if (scopeStamp != origin.ScopeStamp)
        {
            return false;
        }

        for (var i = 0; entry.Tags is not null && i < entry.Tags.Length; i++)
        {
            var stamp = await _stamps.GetAsync(entry.Tags[i], TimeSpan.Zero).ConfigureAwait(false);
            if (stamp == 0)
            {
                return IsRecentEnough(entry);
            }

            if (stamp != origin.TagStamps![i])
            {
                return false;
            }
        }

        var keyMayHaveBeenMissed = _backplane is null ? now >= entry.ServeUntil : entry.Generation < Volatile.Read(ref _doubtGeneration) || !IsTrusted;
        if (keyMayHaveBeenMissed)
        {
            if (origin.Id == 0)
            {
                // Kept on this node only, by choice. Without a backplane nobody could ever tell it of a removal; with one, a
                // removal may have been missed and cannot be found out.
                if (_backplane is not null)
                {
                    return false;
                }
            }
            else
            {
                var id = await _second.GetIdAsync(physicalKey).ConfigureAwait(false);
                if (!id.Succeeded)
                {
                    return IsRecentEnough(entry);
                }

                if (id.Value != origin.Id)
                {
                    return false;
                }
            }
        }

        entry.Verified(generation, now, ServeUntil(now, entry.ExpiresAt));
        return true;
    }

    private bool IsRecentEnough(MemoryEntry entry) =>
        entry.IsCurrent() && _clock.Now - entry.VerifiedAt < (_backplane is null ? _options.StampAge : _options.BackplaneTimeout).TotalMilliseconds;

    private void Wake() => Volatile.Read(ref _wake).TrySetResult();

    private async Task RunBackgroundAsync()
    {
        var token = _stopping.Token;
        var interval = _second is null ? SweepInterval : _backplane is null ? TimeSpan.FromSeconds(1) : _options.BackplaneTimeout / 5;
        var nextSweep = EngineClock.AddSaturating(_clock.Now, SweepInterval);
        var subscribed = _backplane is null;
        while (!token.IsCancellationRequested)
        {
            var wake = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Volatile.Write(ref _wake, wake);
            try
            {
                if (!subscribed)
                {
                    await _backplane!.StartAsync(this, token).WaitAsync(TimeSpan.FromSeconds(5), _clock.Provider, token).ConfigureAwait(false);
                    subscribed = true;
                }

                if (_second is not null && await RecoverAsync().ConfigureAwait(false) && _backplane is not null)
                {
                    await _backplane.SendHeartbeatAsync(token).WaitAsync(_options.SecondLevelTimeout, _clock.Provider, token).ConfigureAwait(false);
                }

                if (_backplane is not null && _backplane.TakeSilentNodes((long)_options.BackplaneTimeout.TotalMilliseconds))
                {
                    Doubt("another node fell silent");
                }

                if (_clock.Now >= nextSweep)
                {
                    nextSweep = EngineClock.AddSaturating(_clock.Now, SweepInterval);
                    _memory.Sweep(_clock.Now, entry => _second is null && !entry.IsCurrent());
                }
            }
            catch (OperationCanceledException) when (token.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // The server being away shows here each time; the breaker has said so once.
                _logger.BackgroundAttemptFailed(exception);
            }

            await Task.WhenAny(Task.Delay(interval, _clock.Provider, token), wake.Task).ConfigureAwait(false);
        }
    }

    /// <summary>Brings the second level up to date with what it missed. False while it does not answer.</summary>
    private async Task<bool> RecoverAsync()
    {
        int restored;
        bool reapply;
        lock (_trust)
        {
            restored = _restored;
            reapply = restored != _reapplied;
        }

        if (_backplane is not null && !await CheckForRollbackAsync().ConfigureAwait(false))
        {
            return false;
        }

        if (reapply)
        {
            // A server that has taken over may lack what the lost one had acknowledged.
            var recent = _pending.Recent();
            if (!await ReplayAsync(recent ?? [Everything()]).ConfigureAwait(false))
            {
                return false;
            }

            lock (_trust)
            {
                Volatile.Write(ref _reapplied, restored);
            }
        }

        var waiting = _pending.Snapshot();
        if (waiting.Length == 0)
        {
            return true;
        }

        var replayed = await ReplayAsync(waiting).ConfigureAwait(false);
        if (replayed)
        {
            _logger.PendingReplayed(waiting.Length);
        }

        return replayed;
    }

    // All nodes count up one number at the server. If it stands no higher than a minute ago, more was lost than nodes remember.
    private async Task<bool> CheckForRollbackAsync()
    {
        var answer = await _second!.AdvanceAsync().ConfigureAwait(false);
        if (!answer.Succeeded)
        {
            return false;
        }

        var now = _clock.Now;
        while (_counts.Count > 1 && now - _counts.Peek().At > PendingInvalidations.Memory)
        {
            _counts.Dequeue();
        }

        if (answer.Value != 0 && _counts.TryPeek(out var oldest) && answer.Value <= oldest.Count)
        {
            _logger.ServerRolledBack(answer.Value, oldest.Count);
            _counts.Clear();
            Postpone(Everything(), null);
        }

        _counts.Enqueue((now, answer.Value));
        return true;
    }

    private PendingInvalidation Everything() => PendingInvalidation.OfGroup(_groups.Level("*"), BackplaneMessage.LevelInvalidated("*"));

    private async Task<bool> ReplayAsync(IReadOnlyCollection<PendingInvalidation> invalidations)
    {
        foreach (var chunk in invalidations.Chunk(64))
        {
            var replays = await Task.WhenAll(chunk.Select(ReplayAsync)).ConfigureAwait(false);
            if (Array.IndexOf(replays, false) >= 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// Applies one invalidation again. A group gets a new stamp rather than the one it was given then: should another node
    /// have invalidated it in between, putting the old one back would make valid again what that node meant to invalidate.
    /// </summary>
    private async Task<bool> ReplayAsync(PendingInvalidation invalidation)
    {
        if (invalidation.Group is { } group)
        {
            if (!(await SetStampsAsync(invalidation).ConfigureAwait(false)).Succeeded)
            {
                return false;
            }

            _groups.Invalidate(group);
        }
        else
        {
            if (!(await _second!.RemoveAsync(invalidation.Id).ConfigureAwait(false)).Succeeded)
            {
                return false;
            }

            if (_groups.FindScope(invalidation.Message.Scope) is { } scope)
            {
                Forget(new MemoryKey(scope, invalidation.Message.Name));
            }
        }

        if (_backplane is not null)
        {
            try
            {
                await _backplane.PublishAsync(invalidation.Message).WaitAsync(_options.SecondLevelTimeout, _clock.Provider).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                _logger.BackgroundAttemptFailed(exception);
                return false;
            }
        }

        _pending.Strike(invalidation);
        return true;
    }
}
