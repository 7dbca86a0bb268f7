using Larder.Diagnostics;
using Larder.Tags;

namespace Larder.Engine;

internal sealed partial class CacheEngine
{
    // Less than the generation of any group: what may stand in although it was invalidated is never a hit.
    private const long NeverCurrent = -1;

    /// <summary>
    /// A load with a second level: what memory holds, if it turns out still to be valid; what the second level holds; and
    /// then the factory, under the key's lease where there are leases.
    /// </summary>
    private async ValueTask<T> LeadWithSecondLevelAsync<TLoader, T>(Load<T> load, TLoader loader)
        where TLoader : struct, ILoader<T>
    {
        var scope = load.Flight.Key.Scope;
        var physicalKey = scope.PhysicalKey(load.Flight.Key.Key);
        var flight = load.Flight;
        if (load.Refreshes is null && load.Policy.ReadsMemory && _memory.TryGet(scope, flight.Key.Key, out var entry))
        {
            var now = _clock.Now;
            if ((entry.IsFresh(now) || now < entry.Terms?.RevalidateUntil)
                && await VerifyAsync(entry, physicalKey).ConfigureAwait(false) == Verification.Valid
                && TryServe<T>(entry, MayRefresh(load.Policy), isVerified: true, out var verified, out var isDue))
            {
                load.Due = isDue ? entry : null;
                flight.FoundTags = entry.Tags;
                flight.Kind = entry is NegativeEntry ? CacheResultKind.NotFound : CacheResultKind.Found;
                return verified;
            }

            if (now < entry.Terms?.StaleUntil)
            {
                // Left where it is: it may have to stand in, and whatever is loaded replaces it.
                flight.Replaces(entry);
            }
            else
            {
                _memory.Remove(entry, entry.IsFresh(now) ? EntryDeparture.Invalidated : EntryDeparture.Expired);
            }
        }

        // A refresh finds out what the others have loaded when it asks for the lease.
        var found = default(Found<T>);
        if (ReadsShared(load.Policy) && !_pending.HasKey(physicalKey) && (load.Refreshes is null || _leases is null))
        {
            found = await ReadSecondLevelAsync(load, physicalKey).ConfigureAwait(false);
            if (found.IsValid)
            {
                return found.Value;
            }
        }

        if (IsHeld(load) && await StandInAsync(flight, load.Policy, Held).ConfigureAwait(false) is { StandsIn: true } held)
        {
            flight.IsHeldBack = true;
            return held.Value;
        }

        if (load.Policy.RunsFactory && await TryAwaitRefreshAsync(load).ConfigureAwait(false) is { Ended: true } refresh)
        {
            return refresh.Value;
        }

        // What there is to stand in is known now; another node's load may have to be waited for.
        flight.StartFactory();

        // One call pays for one silence of the server, not for one per step.
        var answers = !found.IsUnanswered && !_second!.IsOpen && !MustReapply;
        ThrowIfUnread(load.Policy.RunsFactory ? !answers : found.IsUnanswered, load.Policy);
        if (!load.Policy.RunsFactory)
        {
            load.Flight.Kind = CacheResultKind.Missing;
            CountMiss(scope, loads: false);
            return default!;
        }

        var start = answers ? await BeginLoadAsync(load, physicalKey, found.ObsoleteId != 0 ? found.ObsoleteId : load.Refreshes?.Origin?.Id ?? 0).ConfigureAwait(false) : new LoadStart<T> { Generation = _groups.Counter };
        if (start.Found.IsValid)
        {
            return start.Found.Value;
        }

        ThrowIfUnread(start.IsUnanswered, load.Policy);
        var (lease, origin) = (start.Lease, start.Origin);
        try
        {
            var activity = origin is not null && (loader.TakesContext || load.Watched is not null) ? await _stamps!.GetAsync(scope.TagActivity, TimeSpan.Zero).ConfigureAwait(false) : 0;
            var value = await RunFactoryAsync(load, loader).ConfigureAwait(false);
            if (!TryAddLateTags(load, start.Generation) || load.IsNotStored)
            {
                return value;
            }

            if (origin is not null && (load.LateTags is not null || load.Watched is not null))
            {
                origin = await CaptureLateTagsAsync(load, origin, activity).ConfigureAwait(false);
                if (origin is null)
                {
                    return value;
                }
            }

            await StoreLoadedAsync(load, value, physicalKey, start.Generation, origin, lease).ConfigureAwait(false);
            return value;
        }
        finally
        {
            if (lease.IsHeld && _leases!.Stop(lease))
            {
                // Not given back by a store: the factory failed, or its result was not to be stored.
                var released = await _second!.ReleaseLeaseAsync(physicalKey, lease.Token).ConfigureAwait(false);
                TellAwaiting(load.Flight.Key, released.Succeeded ? released.Value : LeaseEnd.Lost);
            }
        }
    }

    /// <summary>What the second level holds for the key, if it is valid for this caller; it is then in memory too.</summary>
    private async ValueTask<Found<T>> ReadSecondLevelAsync<T>(Load<T> load, string physicalKey)
    {
        if (!await MayReadAsync(load.Flight.Token).ConfigureAwait(false))
        {
            return Found<T>.Unanswered;
        }

        // The stamps travel with the value, in one round trip, if this node does not know them.
        var scopeStamp = _stamps!.GetAsync(load.Flight.Key.Scope, TimeSpan.Zero);
        var answer = await _second!.GetAsync(physicalKey, load.Policy.Flags).ConfigureAwait(false);
        _ = await scopeStamp.ConfigureAwait(false);
        if (!answer.Succeeded)
        {
            return Found<T>.Unanswered;
        }

        using var stored = answer.Value;
        return stored.Exists ? await UseStoredAsync(load, physicalKey, stored.Data).ConfigureAwait(false) : default;
    }

    private async ValueTask<Found<T>> UseStoredAsync<T>(Load<T> load, string physicalKey, ReadOnlyMemory<byte> stored)
    {
        var server = ReadableServer;
        var fault = EntryPayload.TryRead(stored, physicalKey, out var header, out var payload);
        if (fault != PayloadFault.None)
        {
            Reject(fault);
            return default;
        }

        // A sender whose clock is ahead cannot make an entry live longer than it was given.
        var invalid = new Found<T>(header.Id);
        var life = header.Expires - header.Created;
        var left = Math.Min(header.Expires - _clock.UtcNowMilliseconds, life);
        var terms = header.Terms;
        if (life <= 0 || (left <= 0 && left <= -Math.Max(terms.StaleWhileRevalidate, terms.StaleIfError)) || header.Id == load.Refreshes?.Origin?.Id)
        {
            return invalid;
        }

        // What was invalidated is read only where it may stand in all the same.
        var mayBeInvalid = !header.IsNotFound && terms.StaleIfError > 0 && terms.StaleIfError > -left && load.Policy.Rules.StaleIfErrorServes == StaleValues.Invalidated;
        var scope = load.Flight.Key.Scope;
        var scopeStamp = await _stamps!.GetAsync(scope, TimeSpan.Zero).ConfigureAwait(false);
        if (scopeStamp != header.ScopeStamp && await _stamps.QuestionAsync(scope.Levels).ConfigureAwait(false))
        {
            scopeStamp = await _stamps.GetAsync(scope, TimeSpan.Zero).ConfigureAwait(false);
        }

        var isCurrent = scopeStamp != 0 && scopeStamp == header.ScopeStamp;
        if (!isCurrent && !mayBeInvalid)
        {
            return scopeStamp == 0 && !IsPending(scope, null) ? Found<T>.Unanswered : invalid;
        }

        var (groups, tagStamps, unread) = await MatchTagsAsync(scope, header.Tags).ConfigureAwait(false);
        if (tagStamps is null && !unread && groups is not null && await _stamps.QuestionAsync(groups).ConfigureAwait(false))
        {
            (groups, tagStamps, unread) = await MatchTagsAsync(scope, header.Tags).ConfigureAwait(false);
        }

        if (tagStamps is null && groups is not null)
        {
            if (!mayBeInvalid)
            {
                return unread ? Found<T>.Unanswered : invalid;
            }

            isCurrent = false;
            tagStamps = Array.ConvertAll(header.Tags, tag => tag.Stamp);
        }

        if (!IsReadable(server))
        {
            return Found<T>.Unanswered;
        }

        var (layerFault, opened) = await _layers.OpenAsync(scope.Scope, scope.Defaults.Layers, header, stored, payload).ConfigureAwait(false);
        using var owner = opened;
        if (layerFault != PayloadFault.None)
        {
            Reject(layerFault);
            return invalid;
        }

        payload = opened.Data;
        T value;
        MemoryEntry entry;
        try
        {
            var origin = new EntryOrigin(header.Id, header.ScopeStamp, tagStamps);
            var metadata = Metadata(load.Flight.Key, load.Policy, terms, life, left, header.Created, isCurrent ? load.Flight.Generation : NeverCurrent, origin, groups, header.Indexes, payload.Length);
            if (header.IsNotFound)
            {
                value = default!;
                entry = new NegativeEntry(metadata);
            }
            else if (header.IsNull)
            {
                if (default(T) is not null)
                {
                    // Null was stored by a caller who asked for another type.
                    return invalid;
                }

                value = default!;
                entry = new ValueEntry<T>(metadata, value);
            }
            else
            {
                var serializer = _serializers.Get<T>();
                value = serializer.Deserialize(new System.Buffers.ReadOnlySequence<byte>(payload));
                entry = Immutability<T>.IsImmutable
                    ? new ValueEntry<T>(metadata, value)
                    : new SerializedEntry<T>(metadata, payload.ToArray(), serializer);
            }
        }
        catch (Exception)
        {
            Reject(PayloadFault.Value);
            return invalid;
        }

        var isDue = false;
        if (left <= 0 || !isCurrent)
        {
            var read = isCurrent ? ReadTerms(entry, load) : LateRead.None;
            if (read == LateRead.None || load.Refreshes is not null)
            {
                // This node's own copy knows when the last load was tried.
                if (entry is not NegativeEntry && load.Flight.Stale?.Origin?.Id != header.Id)
                {
                    load.Flight.Replaces(entry);
                }

                return invalid;
            }

            isDue = read == LateRead.Refresh;
        }
        else if (entry.Terms is not null)
        {
            isDue = ReadTerms(entry, load) == LateRead.Refresh;
        }

        if (isDue)
        {
            load.Due = entry;
        }

        if (entry.Terms is { Slides: true })
        {
            TouchSecondLevel(entry, entry.Terms, _clock.Now);
        }

        // Fenced means that the key was changed after this read began: good enough for callers who came before, but not to keep.
        load.Flight.FoundTags = groups;
        load.Flight.Kind = entry is NegativeEntry ? CacheResultKind.NotFound : CacheResultKind.Found;
        StoreInMemory(load, entry);
        CountSecondLevelHit(entry, isStale: left <= 0 || !isCurrent, isRead: load.Refreshes is null);
        return new Found<T>(value);
    }

    // An entry that a refresh finds is not refreshed in turn at once.
    private LateRead ReadTerms<T>(MemoryEntry entry, Load<T> load)
    {
        var now = _clock.Now;
        var refreshes = MayRefresh(load.Policy) && load.Refreshes is null;
        return entry.Terms is null ? LateRead.Serve : entry.Terms.Read(entry, now, refreshes ? now + BackgroundPatience : 0, VerifyBy(entry.VerifiedAt));
    }

    /// <summary>The groups of stored tags (null for none), and their stamps if each is still the current one; or that one could not be read.</summary>
    private async ValueTask<(Group[]? Groups, long[]? Stamps, bool Unread)> MatchTagsAsync(ScopeState scope, TagStamp[] tags)
    {
        if (tags.Length == 0)
        {
            return default;
        }

        var groups = new Group[tags.Length];
        var reads = new ValueTask<long>[tags.Length];
        for (var i = 0; i < tags.Length; i++)
        {
            groups[i] = scope.Tag(tags[i].Name);
            reads[i] = _stamps!.GetAsync(groups[i], TimeSpan.Zero);
        }

        var stamps = new long[tags.Length];
        var (match, unread) = (true, false);
        for (var i = 0; i < tags.Length; i++)
        {
            stamps[i] = await reads[i].ConfigureAwait(false);
            match &= stamps[i] != 0 && stamps[i] == tags[i].Stamp;
            unread |= stamps[i] == 0 && !groups[i].IsPending;
        }

        return (groups, match ? stamps : null, unread);
    }

    // A second level that keeps its own memory is both levels in one.
    private bool ReadsShared(EntryPolicy policy) => policy.ReadsSecondLevel || (!_keepsMemory && policy.ReadsMemory);

    private bool WritesShared(EntryPolicy policy) => policy.WritesSecondLevel || (!_keepsMemory && policy.WritesMemory);

    private void Reject(PayloadFault fault)
    {
        LogRejected(fault.ToString());
        _metrics.Rejected.Add(1, LarderMetrics.Tag(AttributeNames.Reason, fault.ToString()));
    }

    /// <summary>A valid value, or the id of one that is not, or nothing, or no answer.</summary>
    private readonly struct Found<T>
    {
        public Found(T value)
        {
            Value = value;
            IsValid = true;
        }

        public Found(long obsoleteId)
        {
            Value = default!;
            ObsoleteId = obsoleteId;
        }

        private Found(bool isUnanswered)
        {
            Value = default!;
            IsUnanswered = isUnanswered;
        }

        public static Found<T> Unanswered => new(isUnanswered: true);

        public bool IsUnanswered { get; }

        public bool IsValid { get; }

        public T Value { get; }

        public long ObsoleteId { get; }
    }
}
