using Larder.Backplane;

namespace Larder.Engine;

/// <remarks>
/// <para>The kinds of updates are in <c>UpdateKinds</c>; here they are carried out.</para>
/// <para><b>No update is lost.</b> An update reads an entry, works out another and puts it in its place only if the entry is still the one that was read; otherwise it begins
/// again. Each entry has a random id, so "still the one" is one comparison: of the object in memory alone, of the id by a script on Redis and Valkey. Whatever
/// changes, removes or reloads the key in between is such a change. When one update finds its entry changed another one has succeeded, and updates of one key take turns
/// within a process, so processes contend and not callers: the work goes on whatever happens, and one that has lost several times waits for random, growing moments.</para>
/// <para><b>Where the second level cannot compare</b>, updates are atomic within this process. All of its writes and removals of a key reach the second level in turns, and each
/// fences what is under way for the key before its turn ends. An update registers before it reads, and writes in a turn of its own unless it was fenced. So
/// whatever reached the second level after the update had read has fenced it, and whatever comes to its turn later lands later.</para>
/// <para><b>Nothing invalidated comes back.</b> What is stored keeps the stamps of what was read. They were compared with the current ones after the generation was noted; a
/// tag or level that is invalidated later makes the new entry as invalid as the old one. A removed key has no id to compare with.</para>
/// <para><b>Loads and other nodes</b> are treated as by <see cref="SetAsync"/>: the key is fenced before and after, the script breaks the lease, the others are told, and
/// memory keeps the entry unless the key was changed again meanwhile.</para>
/// </remarks>
internal sealed partial class CacheEngine
{
    private const int PatientConflicts = 4;
    private const int MaximumConflicts = 1_000;
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(32);

    private const string NotCompared =
        "The entry could not be changed, because the second level did not answer when it was read. It is as it was; try again.";

    private const string NoKey =
        "The entry could not be changed, because the key that it is encrypted with could not be had. It is as it was; try again.";

    private const string NotSettled =
        "Whether the entry was changed is not known, because the second level did not answer. So that nobody goes on with half of it, the key is removed there and the other nodes are told, as soon as it answers.";

    private readonly KeyTurns _updateTurns = new();

    /// <summary>Changes an entry. False if there is none, or none of the type that is to be changed.</summary>
    /// <exception cref="SecondLevelException">The second level did not answer, so it could not be compared.</exception>
    /// <exception cref="TimeoutException">Others have changed the entry each time in between.</exception>
    private async ValueTask<bool> UpdateAsync(ScopeState scope, string keyText, EntryUpdate update, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ArgumentNullException.ThrowIfNull(keyText);
        if (!IsCacheable(keyText))
        {
            return false;
        }

        var key = new MemoryKey(scope, keyText);
        var isShared = _second is not null && WritesShared(PlainPolicy(scope));
        using var turn = await _updateTurns.EnterAsync(key, cancellationToken).ConfigureAwait(false);
        for (var conflicts = 0; conflicts < MaximumConflicts; conflicts++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var outcome = isShared ? await UpdateSecondLevelAsync(key, update, cancellationToken).ConfigureAwait(false) : UpdateMemory(key, update);
            if (outcome != UpdateOutcome.Conflict)
            {
                return outcome == UpdateOutcome.Updated;
            }

            if (conflicts >= PatientConflicts)
            {
                var longest = Math.Min(1 << Math.Min(conflicts - PatientConflicts, 10), LongestPause.TotalMilliseconds);
                await Task.Delay(TimeSpan.FromMilliseconds(_random.NextDouble() * longest), _clock.Provider, cancellationToken).ConfigureAwait(false);
            }
        }

        throw new TimeoutException($"The entry was changed by others {MaximumConflicts} times while it was to be updated. It was not updated.");
    }

    private UpdateOutcome UpdateMemory(MemoryKey key, EntryUpdate update)
    {
        var now = _clock.Now;
        if (!key.Scope.Defaults.ReadsMemory
            || !_memory.TryGet(key.Scope, key.Key, out var entry)
            || entry is NegativeEntry
            || !entry.IsFresh(now)
            || !entry.IsCurrent()
            || !update.TryApply(entry))
        {
            return UpdateOutcome.Missing;
        }

        var life = update.Expiration is { } given ? EngineClock.Milliseconds(given) : (entry.Terms?.Expires ?? entry.FreshUntil) - now;
        var policy = PlainPolicy(key.Scope) with { LocalExpiration = update.Expiration ?? EngineClock.Span(entry.FreshUntil - now) };
        var stored = (entry.Terms?.Stored ?? default) with { ETag = null };
        var changed = update.ToEntry(
            entry,
            size => Metadata(key, policy, stored, life + Math.Max(0, _clock.UtcNowMilliseconds - entry.CreatedAtUtc), life, entry.CreatedAtUtc, entry.Generation, entry.Origin, entry.Tags, entry.Indexes, size));
        if (changed is null || !_memory.HasRoomFor(changed))
        {
            throw NotStorable(key.Key);
        }

        var replacement = new Replacement(_memory, entry, changed);
        _flights.Fence(key, null, replacement, static replacement => replacement.Run());
        if (!replacement.IsDone)
        {
            return UpdateOutcome.Conflict;
        }

        Invalidations.Publish(BackplaneMessage.KeyChanged(key.Scope.Id, key.Key), isLocal: true);
        return UpdateOutcome.Updated;
    }

    private async ValueTask<UpdateOutcome> UpdateSecondLevelAsync(MemoryKey key, EntryUpdate update, CancellationToken cancellationToken)
    {
        var physicalKey = key.Scope.PhysicalKey(key.Key);
        if (_second!.RefusesRead() || !await IsReappliedAsync(cancellationToken).ConfigureAwait(false) || _pending.HasKey(physicalKey))
        {
            throw new SecondLevelException(NotCompared, _second.LastFailure);
        }

        var write = _flights.BeginWrite(key);
        try
        {
            await _flights.WritesEnd(key, write).ConfigureAwait(false);
            var generation = _groups.Counter;
            var answer = await _second.GetAsync(physicalKey, default).ConfigureAwait(false);
            if (!answer.Succeeded)
            {
                throw new SecondLevelException(NotCompared, answer.Failure);
            }

            using var stored = answer.Value;
            if (!stored.Exists)
            {
                return UpdateOutcome.Missing;
            }

            var fault = EntryPayload.TryRead(stored.Data, physicalKey, out var present, out var payload);
            if (fault != PayloadFault.None)
            {
                Reject(fault);
                return UpdateOutcome.Missing;
            }

            var now = _clock.UtcNowMilliseconds;
            if (present.IsNotFound || present.Expires <= now || !await IsToBeUpdatedAsync(key.Scope, present).ConfigureAwait(false))
            {
                return UpdateOutcome.Missing;
            }

            (fault, var opened) = await _layers.OpenAsync(key.Scope.Scope, key.Scope.Defaults.Layers, present, stored.Data, payload).ConfigureAwait(false);
            using var owner = opened;
            if (fault == PayloadFault.NoKey)
            {
                throw new SecondLevelException(NoKey, _layers.Keys?.Guard.LastFailure);
            }

            if (fault != PayloadFault.None)
            {
                Reject(fault);
                return UpdateOutcome.Missing;
            }

            if (!update.TryApply(present, opened.Data))
            {
                return UpdateOutcome.Missing;
            }

            // The same entry, but for its value and its id. What the source calls a version of the value is not this one.
            var header = new EntryHeader
            {
                PhysicalKey = physicalKey,
                Id = RandomId.Next(),
                // Its writer's clock may be ahead; an entry must not end before it was stored.
                Created = update.Expiration is null ? present.Created : Math.Min(present.Created, now),
                Expires = update.Expiration is { } life ? EngineClock.AddSaturating(now, life) : present.Expires,
                ScopeStamp = present.ScopeStamp,
                Tags = present.Tags,
                IsNull = update.IsNull,
                Terms = present.Terms with { ETag = null },
                Indexes = present.Indexes,
            };
            return await ReplaceAsync(write, header, present.Id, update, generation).ConfigureAwait(false);
        }
        finally
        {
            _flights.Remove(write);
        }
    }

    private async ValueTask<UpdateOutcome> ReplaceAsync(KeyWrite write, EntryHeader header, long expected, EntryUpdate update, long generation)
    {
        var key = write.Key;
        var groups = header.Tags.Length == 0 ? null : Array.ConvertAll(header.Tags, tag => key.Scope.Tag(tag.Name));

        // A writer whose clock is ahead cannot make an entry live longer than it was given.
        var left = Math.Min(header.Expires - _clock.UtcNowMilliseconds, header.Expires - header.Created);
        var retention = EngineClock.Span(EngineClock.AddSaturating(left, Math.Max(header.Terms.StaleIfError, header.Terms.StaleWhileRevalidate)));
        var policy = PlainPolicy(key.Scope);
        if (update.Expiration is { } lives)
        {
            if (_second!.ProlongsStamps)
            {
                // Should one be another by now, the entry is invalid, as it must be.
                _ = await CaptureAsync(key.Scope, groups, retention).ConfigureAwait(false);
            }

            await AddToIndexesAsync(key, header.Indexes, retention).ConfigureAwait(false);
            policy = policy with { LocalExpiration = lives };
        }

        var plan = await PlanLayersAsync(key.Scope, policy.Flags).ConfigureAwait(false);
        if (plan.IsWithheld)
        {
            throw new SecondLevelException(NoKey, _layers.Keys?.Guard.LastFailure);
        }

        using var writer = update.Serialize(header, plan) ?? throw NotStorable(key.Key);
        var terms = new StoreTerms(retention, policy.LocalExpiration < retention ? policy.LocalExpiration : retention, default, EngineClock.Span(header.Terms.SlidingWindow));
        var invalidation = PendingInvalidation.OfKey(header.PhysicalKey, key.Scope.Id, key.Key);
        Remember(invalidation);
        var answer = _writeTurns is not null
            ? await WriteInTurnAsync(write, header.PhysicalKey, writer.Written, terms, unlessFenced: true).ConfigureAwait(false)
            : await _second!.ReplaceAsync(header.PhysicalKey, expected, writer.Written, terms).ConfigureAwait(false);
        AbandonUnless(answer.Succeeded, writer);
        if (!answer.Succeeded)
        {
            Postpone(invalidation, answer.Failure);
            Forget(key);
            throw new SecondLevelException(NotSettled, answer.Failure);
        }

        if (!answer.Value)
        {
            return UpdateOutcome.Conflict;
        }

        var origin = new EntryOrigin(header.Id, header.ScopeStamp, header.Tags.Length == 0 ? null : Array.ConvertAll(header.Tags, tag => tag.Stamp));
        var entry = !_keepsMemory || !policy.WritesMemory ? null : update.ToEntry(
            writer,
            size => Metadata(key, policy, header.Terms, header.Expires - header.Created, left, header.Created, generation, origin, groups, header.Indexes, size));
        KeepUnlessFenced(write, entry);
        var message = BackplaneMessage.KeyChanged(key.Scope.Id, key.Key);
        Invalidations.Publish(message, isLocal: true);
        await TellAsync(message, header.PhysicalKey, WritePolicy).ConfigureAwait(false);
        return UpdateOutcome.Updated;
    }

    /// <summary>Whether the stamps of a stored entry are the current ones.</summary>
    /// <exception cref="SecondLevelException">They could not be read.</exception>
    private async ValueTask<bool> IsToBeUpdatedAsync(ScopeState scope, EntryHeader header)
    {
        var server = ReadableServer;
        if (await IsCurrentAsync(scope, header).ConfigureAwait(false))
        {
            return true;
        }

        var isUnread = !IsReadable(server) || (await _stamps!.GetAsync(scope, TimeSpan.Zero).ConfigureAwait(false) == 0 && !IsPending(scope, null))
            || (await MatchTagsAsync(scope, header.Tags).ConfigureAwait(false)).Unread;
        return isUnread ? throw new SecondLevelException(NotCompared, _second!.LastFailure) : false;
    }

    private static InvalidOperationException NotStorable(string key) =>
        new($"The new value of '{JsonMerge.Shorten(key)}' cannot be stored: it is larger than LarderOptions allow, or its serializer failed (see the log). The entry was left as it was.");

    private enum UpdateOutcome
    {
        Missing,
        Updated,
        Conflict,
    }

    /// <summary>Puts an entry in the place of another, if that is still there.</summary>
    private sealed class Replacement(MemoryLevel memory, MemoryEntry before, MemoryEntry after)
    {
        public bool IsDone { get; private set; }

        public void Run() => IsDone = memory.Replace(before, after);
    }
}
