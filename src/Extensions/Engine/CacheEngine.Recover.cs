using Larder.Backplane;
using Larder.Diagnostics;

namespace Larder.Engine;

/// <remarks>What goes on beside the calls: heartbeats, the replay of what could not be told, sweeps of memory.</remarks>
internal sealed partial class CacheEngine
{
    private static readonly TimeSpan SweepInterval = TimeSpan.FromMinutes(1);

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
                    await _backplane!.StartAsync(token).WaitAsync(TimeSpan.FromSeconds(5), _clock.Provider, token).ConfigureAwait(false);
                    subscribed = true;
                }

                // The server being away fails here each time; the breakers have said so once.
                if (_second is not null && await RecoverAsync().WaitAsync(token).ConfigureAwait(false) && _backplane is not null)
                {
                    if (await _backplane.SendHeartbeatAsync().WaitAsync(token).ConfigureAwait(false) is { } failure)
                    {
                        _logger.BackgroundAttemptFailed(failure);
                    }
                }

                if (_backplane is not null && _backplane.TakeSilentNodes((long)_options.BackplaneTimeout.TotalMilliseconds))
                {
                    Doubt("another node fell silent");
                }

                if (_clock.Now >= nextSweep)
                {
                    nextSweep = EngineClock.AddSaturating(_clock.Now, SweepInterval);
                    _memory.Sweep(_clock.Now, entry => _second is null && !entry.IsCurrent() && entry.Terms?.MayStandIn(_clock.Now) is not true);
                }
            }
            catch (OperationCanceledException) when (token.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
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

        if (_backplane is null && _second!.Guard is { IsTripped: true, IsOpen: false })
        {
            // Nothing else asks while nobody reads. The name is no key's and nothing stands there; any answer will do.
            _ = await _second.GetIdAsync(ApplicationPrefix + "c:probe").ConfigureAwait(false);
        }

        if (reapply)
        {
            // A server that has taken over may lack what the lost one had acknowledged.
            var recent = _pending.Recent();
            if (!await ReplayAsync(recent ?? [Everything()], restored).ConfigureAwait(false))
            {
                return false;
            }

            lock (_trust)
            {
                Volatile.Write(ref _reapplied, restored);
                if (!MustReapply)
                {
                    _reapplication.TrySetResult();
                }
            }
        }

        var waiting = _pending.Snapshot();
        if (waiting.Length == 0)
        {
            return true;
        }

        var replayed = await ReplayAsync(waiting, restored).ConfigureAwait(false);
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

    /// <summary>
    /// Applies invalidations again: all of them at the server first, because nodes that do not hear of them ask it, and messages
    /// may be dead while it is alive.
    /// </summary>
    private async Task<bool> ReplayAsync(IReadOnlyCollection<PendingInvalidation> invalidations, int server)
    {
        return await EachAsync(invalidations, invalidation => ApplyAgainAsync(invalidation, server)).ConfigureAwait(false)
            && await EachAsync(invalidations, TellAgainAsync).ConfigureAwait(false);

        static async Task<bool> EachAsync(IReadOnlyCollection<PendingInvalidation> invalidations, Func<PendingInvalidation, Task<bool>> step)
        {
            foreach (var chunk in invalidations.Chunk(64))
            {
                var steps = await Task.WhenAll(chunk.Select(step)).ConfigureAwait(false);
                if (Array.IndexOf(steps, false) >= 0)
                {
                    return false;
                }
            }

            return true;
        }
    }

    /// <summary>
    /// A group gets a new stamp rather than the one it was given then: should another node have invalidated it in between,
    /// putting the old one back would make valid again what that node meant to invalidate.
    /// </summary>
    private async Task<bool> ApplyAgainAsync(PendingInvalidation invalidation, int server)
    {
        if (invalidation.AppliedTo == server)
        {
            return true;
        }

        if (invalidation.Group is { } group)
        {
            if (!(await SetStampsAsync(invalidation).ConfigureAwait(false)).Succeeded)
            {
                return false;
            }

            _groups.Invalidate(group);
        }
        else if (invalidation.Message.Kind == MessageKind.KeyChanged)
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

        // It may have to wait for its message; should another server take over meanwhile, that one is told again.
        invalidation.AppliedTo = server;
        return true;
    }

    private async Task<bool> TellAgainAsync(PendingInvalidation invalidation)
    {
        if (_backplane is not null && await _backplane.PublishAsync(invalidation.Message).ConfigureAwait(false) is { } failure)
        {
            _logger.BackgroundAttemptFailed(failure);
            return false;
        }

        // From now on the server has it by acknowledgement alone, as it has what it was told at once: the next one that takes over may lack it. Nothing falls in between,
        // because what waits and what is remembered are both applied again here, one after the other. If a later one has taken its place, that one waits.
        if (_pending.Strike(invalidation))
        {
            Remember(invalidation);
        }

        return true;
    }
}
