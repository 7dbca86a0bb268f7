using Larder.Backplane;
using Larder.Diagnostics;
using Larder.Tags;

namespace Larder.Engine;

internal sealed partial class CacheEngine
{
    /// <summary>Removes a key at all levels and on all nodes. No load that began before this completes brings the old value back.</summary>
    /// <remarks>As in <see cref="SetAsync"/> the key is fenced before and after the second level is told.</remarks>
    public async ValueTask RemoveAsync(ScopeState scope, string keyText, CancellationToken cancellationToken) =>
        await RemoveAsync(scope, keyText, InvalidationPolicy, asks: false, cancellationToken).ConfigureAwait(false);

    /// <summary>The same, and says whether this very call has removed an entry that a read would have found.</summary>
    public ValueTask<bool> TakeAsync(ScopeState scope, string keyText, CancellationToken cancellationToken) =>
        RemoveAsync(scope, keyText, InvalidationPolicy, asks: true, cancellationToken);

    private async ValueTask<bool> RemoveAsync(ScopeState scope, string keyText, FailurePolicy policy, bool asks, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ArgumentNullException.ThrowIfNull(keyText);
        var message = BackplaneMessage.KeyChanged(scope.Id, keyText);
        using var span = BeginInvalidation(message);
        var key = new MemoryKey(scope, keyText);
        var here = Forget(key);

        // What is kept on this node alone: memory is the one to ask. Unless the server may have got it too, and another node taken it there.
        var wasHere = asks && here is { Origin: null or { Id: 0 } } and not NegativeEntry && IsInTime(here, _clock.Now) && here.IsCurrent()
            && !(_second is not null && _pending.HasKey(scope.PhysicalKey(keyText)));
        try
        {
            if (_second is null || !IsCacheable(keyText))
            {
                return wasHere;
            }

            var physicalKey = scope.PhysicalKey(keyText);
            var (isTold, wasThere) = await RemoveFromSecondLevelAsync(key, physicalKey, policy, asks).ConfigureAwait(false);
            if (!isTold)
            {
                return wasHere;
            }

            await TellAsync(message, physicalKey, policy).ConfigureAwait(false);
            return wasHere || wasThere;
        }
        catch (Exception exception) when (span.Fails(exception))
        {
            throw;
        }
        finally
        {
            // When the server has been told as well, or will be later: who reads now does not find the old value there.
            Invalidations.Publish(message, isLocal: true);
        }
    }

    /// <summary>Invalidates everything in the scope that carries the tag; <c>*</c> stands for everything in the scope.</summary>
    public ValueTask RemoveByTagAsync(ScopeState scope, string tag, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        TagNames.Check(tag);
        if (tag == TagNames.Everything)
        {
            return InvalidateAsync(scope.Namespace, BackplaneMessage.LevelInvalidated(scope.Id));
        }

        // Also a tag that nothing depends on yet: a load under way may come to name it.
        return InvalidateAsync(scope.Tag(tag), BackplaneMessage.TagInvalidated(scope.Id, tag), scope.TagActivity);
    }

    /// <summary>Invalidates a level: a namespace, project or tenant by its id, or everything by <c>*</c>.</summary>
    public ValueTask InvalidateLevelAsync(string level, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return InvalidateAsync(_groups.Level(level), BackplaneMessage.LevelInvalidated(level));
    }

    /// <summary>
    /// One small write and one message, whatever the number of entries. The generation is raised before the write, so that
    /// this node is current at once, and after it, because what began in between may have read the old stamp.
    /// </summary>
    private async ValueTask InvalidateAsync(Group group, BackplaneMessage message, Group? activity = null)
    {
        using var span = BeginInvalidation(message);
        _groups.Invalidate(group);
        try
        {
            if (_second is null)
            {
                return;
            }

            var invalidation = PendingInvalidation.OfGroup(group, message, activity);
            Remember(invalidation);
            var answer = await SetStampsAsync(invalidation).ConfigureAwait(false);
            if (!answer.Succeeded)
            {
                // Kept before the generation is raised: from then on the stamp at the server counts as unknown.
                Postpone(invalidation, answer.Failure);
                _groups.Invalidate(group);
                InvalidationPolicy.ThrowIfAsked(ServerNotTold, answer.Failure);
                return;
            }

            _groups.Invalidate(group);
            await TellAsync(message, invalidation, InvalidationPolicy).ConfigureAwait(false);
        }
        catch (Exception exception) when (span.Fails(exception))
        {
            throw;
        }
        finally
        {
            Invalidations.Publish(message, isLocal: true);
        }
    }

    /// <summary>Gives a group a new stamp; a tag's scope is shown to be active first (see <c>CacheEngine.Decide</c>).</summary>
    private async ValueTask<Answer<bool>> SetStampsAsync(PendingInvalidation invalidation)
    {
        if (invalidation.Activity is { } activity)
        {
            var shown = await _second!.SetStampAsync(activity.Id, RandomId.Next(), StampReader.DefaultLife).ConfigureAwait(false);
            _groups.Invalidate(activity);
            if (!shown.Succeeded)
            {
                return shown;
            }
        }

        return await _second!.SetStampAsync(invalidation.Group!.Id, RandomId.Next(), StampReader.DefaultLife).ConfigureAwait(false);
    }

    /// <summary>Removes a key from the second level, or keeps that for later; says which, and if asked whether a read would have found something there.</summary>
    private async ValueTask<(bool IsTold, bool WasThere)> RemoveFromSecondLevelAsync(MemoryKey key, string physicalKey, FailurePolicy policy, bool asks)
    {
        await _flights.WritesEnd(key).ConfigureAwait(false);
        var invalidation = PendingInvalidation.OfKey(physicalKey, key.Scope.Id, key.Key);
        var taken = default(Answer<StoredPayload>);
        using (await WriteTurnAsync(key).ConfigureAwait(false))
        {
            var isObsolete = _pending.HasKey(physicalKey);
            Remember(invalidation);
            Exception? failure;
            if (asks)
            {
                taken = await _second!.TakeAsync(physicalKey).ConfigureAwait(false);
                failure = taken.Succeeded ? null : taken.Failure ?? _second.LastFailure;
            }
            else
            {
                var removed = await _second!.RemoveAsync(physicalKey).ConfigureAwait(false);
                failure = removed.Succeeded ? null : removed.Failure ?? _second.LastFailure;
            }

            if (failure is not null)
            {
                Postpone(invalidation, failure);
                Forget(key);
                policy.ThrowIfAsked(ServerNotTold, failure);
                return default;
            }

            Forget(key);
            asks &= !isObsolete;
        }

        using var stored = taken.Value;
        return (true, asks && await WasServableAsync(key.Scope, physicalKey, stored.Data).ConfigureAwait(false));
    }

    /// <summary>Forgets a key on this node, and fences what is under way for it. Gives what memory held.</summary>
    private MemoryEntry? Forget(MemoryKey key)
    {
        var held = new System.Runtime.CompilerServices.StrongBox<MemoryEntry?>();
        _flights.Fence(key, null, (_memory, key, held), static state => state.held.Value = state._memory.Take(state.key.Scope, state.key.Key, EntryDeparture.Removed));
        return held.Value;
    }

    private ValueTask TellAsync(BackplaneMessage message, string physicalKey, FailurePolicy policy) =>
        _backplane is null ? default : TellAsync(message, PendingInvalidation.OfKey(physicalKey, message.Scope, message.Name), policy);

    /// <summary>Tells the other nodes. What cannot be told now is kept and told later.</summary>
    private async ValueTask TellAsync(BackplaneMessage message, PendingInvalidation invalidation, FailurePolicy policy)
    {
        if (_backplane is null)
        {
            return;
        }

        Exception? failure;
        try
        {
            // A message that waits for the batch before it waits no longer than one timeout in all.
            failure = await _backplane.PublishAsync(message).WaitAsync(_timeouts.Invalidation, _clock.Provider).ConfigureAwait(false);
        }
        catch (TimeoutException exception)
        {
            failure = exception;
        }

        if (failure is not null)
        {
            Postpone(invalidation, failure);
            policy.ThrowIfAsked(NodesNotTold, failure);
        }
    }

    private void Postpone(PendingInvalidation invalidation, Exception? cause)
    {
        var added = _pending.Add(invalidation);
        if (!added)
        {
            LogOverflow(_pending.Count);
            _pending.ReplaceAllByOne(PendingInvalidation.OfGroup(_groups.Level("*"), BackplaneMessage.LevelInvalidated("*")));
        }

        _logger.InvalidationPostponed(cause?.Message);
        if (!_second!.IsOpen && _backplane is not { Guard.IsOpen: true })
        {
            Wake();
        }
    }

    // For the server that takes over next. Before the present one is told: between its acknowledgement and a note made afterwards another could have taken over, and have been told of all that was noted.
    private void Remember(PendingInvalidation invalidation)
    {
        if (_backplane is not null && !_second!.IsOpen)
        {
            _pending.Remember(invalidation);
        }
    }
}
