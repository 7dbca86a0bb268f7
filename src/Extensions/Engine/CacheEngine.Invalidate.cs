using Larder.Backplane;
using Larder.Diagnostics;
using Larder.Tags;

namespace Larder.Engine;

internal sealed partial class CacheEngine
{
    /// <summary>Removes a key at all levels and on all nodes. No load that began before this completes brings the old value back.</summary>
    /// <remarks>As in <see cref="SetAsync"/> the key is fenced before and after the second level is told.</remarks>
    public async ValueTask RemoveAsync(ScopeState scope, string keyText, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ArgumentNullException.ThrowIfNull(keyText);
        CountInvalidation("key", "local");
        var key = new MemoryKey(scope, keyText);
        Forget(key);
        if (_second is null || !IsCacheable(keyText))
        {
            return;
        }

        var physicalKey = scope.PhysicalKey(keyText);
        if (!await RemoveFromSecondLevelAsync(null, key, physicalKey).ConfigureAwait(false))
        {
            return;
        }

        Forget(key);
        await TellAsync(BackplaneMessage.KeyChanged(scope.Id, keyText), physicalKey).ConfigureAwait(false);
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
        CountInvalidation(message.Kind == MessageKind.TagInvalidated ? "tag" : "level", "local");
        _groups.Invalidate(group);
        if (_second is null)
        {
            return;
        }

        var invalidation = PendingInvalidation.OfGroup(group, message, activity);
        var answer = await SetStampsAsync(invalidation).ConfigureAwait(false);
        if (!answer.Succeeded)
        {
            // Kept before the generation is raised: from then on the stamp at the server counts as unknown.
            Postpone(invalidation, answer.Failure);
            _groups.Invalidate(group);
            ThrowIfAsked(answer.Failure);
            return;
        }

        _groups.Invalidate(group);
        Remember(invalidation);
        await TellAsync(message, invalidation).ConfigureAwait(false);
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

    /// <summary>Removes a key from the second level, or keeps that for later; says which.</summary>
    private async ValueTask<bool> RemoveFromSecondLevelAsync(KeyWrite? write, MemoryKey key, string physicalKey)
    {
        await _flights.WritesEnd(key, write).ConfigureAwait(false);
        var invalidation = PendingInvalidation.OfKey(physicalKey, key.Scope.Id, key.Key);
        var answer = await _second!.RemoveAsync(physicalKey).ConfigureAwait(false);
        if (answer.Succeeded)
        {
            Remember(invalidation);
            return true;
        }

        Postpone(invalidation, answer.Failure);
        Forget(key);
        ThrowIfAsked(answer.Failure);
        return false;
    }

    /// <summary>Forgets a key on this node, and fences what is under way for it.</summary>
    private void Forget(MemoryKey key) =>
        _flights.Fence(key, null, (_memory, key), static state => state._memory.Remove(state.key.Scope, state.key.Key));

    private ValueTask TellAsync(BackplaneMessage message, string physicalKey) =>
        _backplane is null ? default : TellAsync(message, PendingInvalidation.OfKey(physicalKey, message.Scope, message.Name));

    /// <summary>Tells the other nodes. What cannot be told now is kept and told later.</summary>
    private async ValueTask TellAsync(BackplaneMessage message, PendingInvalidation invalidation)
    {
        if (_backplane is null)
        {
            return;
        }

        try
        {
            await _backplane.PublishAsync(message).WaitAsync(_options.SecondLevelTimeout, _clock.Provider).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Postpone(invalidation, exception);
            ThrowIfAsked(exception);
        }
    }

    private void Postpone(PendingInvalidation invalidation, Exception? cause)
    {
        var added = _pending.Add(invalidation);
        if (!added)
        {
            _logger.PendingOverflow(_pending.Count, _options.MaximumPendingInvalidations);
            _pending.ReplaceAllByOne(PendingInvalidation.OfGroup(_groups.Level("*"), BackplaneMessage.LevelInvalidated("*")));
        }

        _logger.InvalidationPostponed(cause?.Message);
        Wake();
    }

    private void Remember(PendingInvalidation invalidation)
    {
        if (_backplane is not null)
        {
            _pending.Remember(invalidation);
        }
    }

    private void ThrowIfAsked(Exception? cause)
    {
        if (_options.OnInvalidationFailure == InvalidationFailure.Throw)
        {
            throw new InvalidOperationException(
                "The invalidation holds on this node, but the second level could not be told. It is kept and replayed when the server is back (LarderOptions.OnInvalidationFailure is Throw).", cause);
        }
    }

    private void CountInvalidation(string kind, string origin)
    {
        if (_metrics.Invalidations.Enabled)
        {
            _metrics.Invalidations.Add(1, LarderMetrics.Tag("kind", kind), LarderMetrics.Tag("origin", origin));
        }
    }
}
