using Larder.Backplane;
using Larder.Tags;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Engine;

internal sealed partial class CacheEngine
{
    /// <summary>Stores a value at both levels. Loads of the key that are under way, on any node, do not replace it.</summary>
    /// <remarks>
    /// The key is fenced before the second level is written, and again after it. A load that began in between may have read
    /// the old value there; it must not put it into memory over the new one. Two writes of one key that overlap on this
    /// node may reach the second level in either order, so then neither goes into memory: the next read takes from the second
    /// level what came last there. A change made by another node fences the write in the same way when its message arrives.
    /// </remarks>
    /// <param name="scope">Whose it is.</param>
    /// <param name="keyText">The key as the caller gives it.</param>
    /// <param name="value">The value.</param>
    /// <param name="options">How long, and at which levels.</param>
    /// <param name="tags">Its tags.</param>
    /// <param name="indexes">What it belongs to.</param>
    /// <param name="cancellationToken">Cancels the call before it has begun.</param>
    /// <param name="since">When the value began to be computed; null for now. What was invalidated since makes it obsolete.</param>
    public async ValueTask SetAsync<T>(
        ScopeState scope, string keyText, T value, HybridCacheEntryOptions? options, IEnumerable<string>? tags, CacheIndex[]? indexes, CancellationToken cancellationToken, Moment? since = null)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ArgumentNullException.ThrowIfNull(keyText);
        var policy = new EntryPolicy(scope.Defaults, options);
        var groups = ResolveTags(scope, tags, out var names);
        if (!IsCacheable(keyText))
        {
            return;
        }

        if (policy.Expiration <= TimeSpan.Zero)
        {
            await RemoveAsync(scope, keyText, WritePolicy, asks: false, cancellationToken).ConfigureAwait(false);
            return;
        }

        var key = new MemoryKey(scope, keyText);
        SecondLevelWrite end;
        var write = _flights.BeginWrite(key);
        try
        {
            var generation = since?.Generation ?? _groups.Counter;
            (var entry, end) = _second is null
                ? (ToEntry(key, value, policy, generation, null, groups, indexes, null), default)
                : await WriteSecondLevelAsync(write, key, value, policy, generation, groups, names, indexes, since).ConfigureAwait(false);
            var keeps = entry is not null && policy.WritesMemory && _keepsMemory;
            KeepUnlessFenced(write, keeps ? entry : null);
        }
        finally
        {
            _flights.Remove(write);
        }

        Invalidations.Publish(BackplaneMessage.KeyChanged(scope.Id, keyText), isLocal: true);
        if (end.IsPostponed)
        {
            // The other nodes are told when the second level has been.
            WritePolicy.ThrowIfAsked(ValueNotWritten, end.Failure);
            return;
        }

        await TellAsync(BackplaneMessage.KeyChanged(scope.Id, keyText), scope.PhysicalKey(keyText), WritePolicy).ConfigureAwait(false);
        if (end.Failure is not null)
        {
            WritePolicy.ThrowIfAsked(ValueNotStamped, end.Failure);
        }
    }

    /// <summary>Writes a value to the second level; gives the entry to keep in memory (null if the value cannot be stored), and how the write ended.</summary>
    private async ValueTask<(MemoryEntry? Entry, SecondLevelWrite End)> WriteSecondLevelAsync<T>(
        KeyWrite write, MemoryKey key, T value, EntryPolicy policy, long generation, Group[]? groups, string[]? names, CacheIndex[]? indexes, Moment? since)
    {
        var origin = since is { } began
            ? await OriginSinceAsync(key.Scope, groups, policy.Retention, began).ConfigureAwait(false)
            : await CaptureAsync(key.Scope, groups, policy.Retention).ConfigureAwait(false);
        if (!WritesShared(policy) || (since is not null && origin is null))
        {
            return (ToEntry(key, value, policy, generation, origin is null ? null : origin with { Id = 0 }, groups, indexes, null), default);
        }

        var physicalKey = key.Scope.PhysicalKey(key.Key);
        var header = Header(names, physicalKey, value is null, _clock.UtcNowMilliseconds, policy, null, origin ?? new EntryOrigin(1, 0, new long[names?.Length ?? 0])) with { Indexes = indexes };
        var plan = await PlanLayersAsync(key.Scope, value, policy.Flags).ConfigureAwait(false);
        using var writer = plan.IsWithheld ? null : TrySerialize(value, header, plan);
        if (writer is null || origin is null)
        {
            // The new value cannot be there, so at least the old one must not.
            await _flights.WritesEnd(key, write).ConfigureAwait(false);
            var invalidation = PendingInvalidation.OfKey(physicalKey, key.Scope.Id, key.Key);
            Remember(invalidation);
            var removed = await _second!.RemoveAsync(physicalKey).ConfigureAwait(false);
            if (!removed.Succeeded)
            {
                Postpone(invalidation, removed.Failure);
            }

            // A value that cannot be serialized is the caller's own affair; stamps that cannot be read are not.
            var failure = removed.Failure ?? (origin is null && !IsPending(key.Scope, groups) ? _second.LastFailure : null);
            var entry = writer is not null ? ToEntry(key, value, policy, generation, null, groups, indexes, writer)
                : plan.IsWithheld ? ToEntry(key, value, policy, generation, origin is null ? null : origin with { Id = 0 }, groups, indexes, null)
                : null;
            return (entry, new(failure, !removed.Succeeded));
        }

        await AddToIndexesAsync(key, indexes, policy.Retention).ConfigureAwait(false);

        // Without leases a write of this process that is already on its way could land after this one.
        await _flights.WritesEnd(key, write).ConfigureAwait(false);
        var change = PendingInvalidation.OfKey(physicalKey, key.Scope.Id, key.Key);
        Remember(change);
        var answer = await WriteInTurnAsync(write, physicalKey, writer.Written, policy.Terms, unlessFenced: false).ConfigureAwait(false);
        AbandonUnless(answer.Succeeded, writer);
        if (answer.Succeeded)
        {
            return (ToEntry(key, value, policy, generation, origin, groups, indexes, writer), default);
        }

        // Whether the server has taken it is not known. It will be removed there; this node keeps the new value.
        Postpone(change, answer.Failure);
        return (ToEntry(key, value, policy, generation, null, groups, indexes, writer), new(answer.Failure, IsPostponed: true));
    }

    /// <summary>Fences the key once more after a write, and keeps the entry in memory unless the write was fenced itself.</summary>
    private void KeepUnlessFenced(KeyWrite write, MemoryEntry? entry) =>
        _flights.Fence(write.Key, write, (Engine: this, Write: write, Entry: entry), static state =>
        {
            // On memory alone the last write simply wins.
            if (state.Entry is not null && (state.Engine._second is null || !state.Write.IsFenced))
            {
                state.Engine._memory.Set(state.Entry);
            }
            else
            {
                state.Engine._memory.Remove(state.Write.Key.Scope, state.Write.Key.Key, EntryDeparture.Replaced);
            }
        });

    /// <summary>
    /// Stores a value whatever the second level holds. Where that one cannot compare, the writes and removals of a key reach it in turns, each with the fence that tells
    /// of it, so that a load or an update can be sure to come before or after them. Answers false if the activity was fenced and does not write then.
    /// </summary>
    private async ValueTask<Answer<bool>> WriteInTurnAsync(KeyActivity activity, string physicalKey, ReadOnlyMemory<byte> payload, StoreTerms terms, bool unlessFenced, bool fences = true)
    {
        using var turn = await WriteTurnAsync(activity.Key).ConfigureAwait(false);
        if (!activity.TryBeginWrite() && unlessFenced)
        {
            return new(true, false, null);
        }

        var answer = await _second!.SetAsync(activity.Key, physicalKey, payload, terms).ConfigureAwait(false);
        activity.EndWrite();
        if (fences && _writeTurns is not null)
        {
            _flights.Fence(activity.Key, activity, 0, static _ => { });
        }

        return answer;
    }

    private ValueTask<KeyTurns.Turn> WriteTurnAsync(MemoryKey key) => _writeTurns is null ? default : _writeTurns.EnterAsync(key);

    /// <summary>How a write to the second level ended: why it failed, if it did, and whether the key is to be removed there later.</summary>
    private readonly record struct SecondLevelWrite(Exception? Failure, bool IsPostponed);

    private MemoryEntry? ToEntry<T>(
        MemoryKey key, T value, EntryPolicy policy, long generation, EntryOrigin? origin, Group[]? groups, CacheIndex[]? indexes, SerializedPayload? serialized)
    {
        var created = _clock.UtcNowMilliseconds;
        if (Immutability<T>.IsImmutable || value is null)
        {
            var size = serialized is null ? EstimateSize(value) : serialized.Length;
            return new ValueEntry<T>(Metadata(key, policy, null, created, generation, origin, groups, indexes, size), value);
        }

        if (serialized is not null)
        {
            var bytes = serialized.Value.ToArray();
            return new SerializedEntry<T>(Metadata(key, policy, null, created, generation, origin, groups, indexes, bytes.Length), bytes, _serializers.Get<T>());
        }

        using var writer = TrySerialize(value);
        return writer is null
            ? null
            : new SerializedEntry<T>(Metadata(key, policy, null, created, generation, origin, groups, indexes, writer.Length), writer.Written.ToArray(), _serializers.Get<T>());
    }
}
