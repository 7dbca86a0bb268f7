using Larder.Backplane;
using Larder.Diagnostics;
using Larder.Tags;

namespace Larder.Engine;

internal sealed partial class CacheEngine
{
    private static readonly TimeSpan FirstPoll = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPoll = TimeSpan.FromMilliseconds(250);

    private readonly LeaseWaits _leaseWaits = new();
    private readonly long[] _nextRejectLog = new long[Enum.GetValues<PayloadFault>().Length];

    /// <summary>
    /// A load with a second level: what memory holds, if it turns out still to be valid; what the second level holds; and
    /// then the factory, under the key's lease where there are leases.
    /// </summary>
    private async ValueTask<T> LeadWithSecondLevelAsync<TLoader, T>(Load<T> load, TLoader loader)
        where TLoader : struct, ILoader<T>
    {
        var scope = load.Flight.Key.Scope;
        var physicalKey = scope.PhysicalKey(load.Flight.Key.Key);
        if (load.Policy.ReadsMemory && _memory.TryGet(scope, load.Flight.Key.Key, out var entry))
        {
            if (_clock.Now < entry.ExpiresAt && await VerifyAsync(entry, physicalKey).ConfigureAwait(false) && TryReadEntry<T>(entry, out var verified))
            {
                load.Flight.FoundTags = entry.Tags;
                load.Flight.Kind = entry is NegativeEntry ? CacheResultKind.NotFound : CacheResultKind.Found;
                return verified;
            }

            _memory.Remove(entry, EntryDeparture.Invalidated);
        }

        var found = default(Found<T>);
        if (ReadsShared(load.Policy) && !_pending.HasKey(physicalKey))
        {
            found = await ReadSecondLevelAsync(load, physicalKey).ConfigureAwait(false);
            if (found.IsValid)
            {
                return found.Value;
            }
        }

        // One call pays for one silence of the server, not for one per step.
        var answers = !found.IsUnanswered && !_second!.IsOpen && !MustReapply;
        if (!load.Policy.RunsFactory)
        {
            load.Flight.Kind = CacheResultKind.Missing;
            return default!;
        }

        var start = answers ? await BeginLoadAsync(load, physicalKey, found.ObsoleteId).ConfigureAwait(false) : new LoadStart<T> { Generation = _groups.Counter };
        if (start.Found.IsValid)
        {
            return start.Found.Value;
        }

        var (lease, origin) = (start.Lease, start.Origin);
        try
        {
            var activity = origin is not null && loader.TakesContext ? await _stamps!.GetAsync(scope.TagActivity, TimeSpan.Zero).ConfigureAwait(false) : 0;
            var value = await RunFactoryAsync(load, loader).ConfigureAwait(false);
            if (!TryAddLateTags(load, start.Generation) || load.IsNotStored)
            {
                return value;
            }

            if (origin is not null && load.LateTags is not null)
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
        if (_second!.IsOpen || MustReapply)
        {
            return Found<T>.Unanswered;
        }

        // The stamps travel with the value, in one round trip, if this node does not know them.
        var scopeStamp = _stamps!.GetAsync(load.Flight.Key.Scope, TimeSpan.Zero);
        var answer = await _second.GetAsync(physicalKey, load.Policy.Flags).ConfigureAwait(false);
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
        var fault = EntryPayload.TryRead(stored, physicalKey, out var header, out var payload);
        if (fault != PayloadFault.None)
        {
            Reject(fault);
            return default;
        }

        // A sender whose clock is ahead cannot make an entry live longer than it was given.
        var invalid = new Found<T>(header.Id);
        var left = Math.Min(header.Expires - _clock.UtcNowMilliseconds, header.Expires - header.Created);
        if (left <= 0)
        {
            return invalid;
        }

        var scope = load.Flight.Key.Scope;
        var scopeStamp = await _stamps!.GetAsync(scope, TimeSpan.Zero).ConfigureAwait(false);
        if (scopeStamp != header.ScopeStamp && await _stamps.QuestionAsync(scope.Levels).ConfigureAwait(false))
        {
            scopeStamp = await _stamps.GetAsync(scope, TimeSpan.Zero).ConfigureAwait(false);
        }

        if (scopeStamp == 0 || scopeStamp != header.ScopeStamp)
        {
            return invalid;
        }

        var (groups, tagStamps) = await MatchTagsAsync(scope, header.Tags).ConfigureAwait(false);
        if (tagStamps is null && groups is not null && await _stamps.QuestionAsync(groups).ConfigureAwait(false))
        {
            (groups, tagStamps) = await MatchTagsAsync(scope, header.Tags).ConfigureAwait(false);
        }

        if (tagStamps is null && groups is not null)
        {
            return invalid;
        }

        T value;
        MemoryEntry entry;
        try
        {
            var origin = new EntryOrigin(header.Id, header.ScopeStamp, tagStamps);
            var lives = load.Policy.LocalExpiration < TimeSpan.FromMilliseconds(left) ? load.Policy.LocalExpiration : TimeSpan.FromMilliseconds(left);
            var metadata = Metadata(load.Flight.Key, lives, _clock.Now, header.Created, load.Flight.Generation, origin, groups, payload.Length);
            if (header.IsNotFound)
            {
                load.Flight.Kind = CacheResultKind.NotFound;
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

        // Fenced means that the key was changed after this read began: good enough for callers who came before, but not to keep.
        load.Flight.FoundTags = groups;
        StoreInMemory(load, entry);
        CountHit("second");
        return new Found<T>(value);
    }

    /// <summary>The groups of stored tags (null for none), and their stamps if each is still the current one.</summary>
    private async ValueTask<(Group[]? Groups, long[]? Stamps)> MatchTagsAsync(ScopeState scope, TagStamp[] tags)
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
        var match = true;
        for (var i = 0; i < tags.Length; i++)
        {
            stamps[i] = await reads[i].ConfigureAwait(false);
            match &= stamps[i] != 0 && stamps[i] == tags[i].Stamp;
        }

        return (groups, match ? stamps : null);
    }

    /// <summary>A new entry's id and its groups' stamps as they are now, or null when they cannot be had.</summary>
    private async ValueTask<EntryOrigin?> CaptureAsync(ScopeState scope, Group[]? groups, TimeSpan expiration)
    {
        if (_second!.IsOpen)
        {
            return null;
        }

        var scopeRead = _stamps!.GetAsync(scope, expiration);
        long[]? stamps = null;
        var complete = true;
        if (groups is not null)
        {
            var reads = new ValueTask<long>[groups.Length];
            for (var i = 0; i < groups.Length; i++)
            {
                reads[i] = _stamps.GetAsync(groups[i], expiration);
            }

            stamps = new long[groups.Length];
            for (var i = 0; i < groups.Length; i++)
            {
                stamps[i] = await reads[i].ConfigureAwait(false);
                complete &= stamps[i] != 0;
            }
        }

        var scopeStamp = await scopeRead.ConfigureAwait(false);
        return complete && scopeStamp != 0 ? new EntryOrigin(RandomId.Next(), scopeStamp, stamps) : null;
    }

    /// <summary>
    /// Notes everything that could change while the factory runs, and takes the key's lease where there are leases, waiting
    /// while another node holds it; or finds the value that node has stored meanwhile. Without lease and value when the
    /// server does not answer: then the factory runs and its result stays on this node.
    /// </summary>
    /// <remarks>
    /// A lease is signed with the stamps its load has noted. Someone who has noted others was told of an invalidation in
    /// between (or has not been told yet), so the two loads cannot share a result, and the lease changes hands at once:
    /// a load that was overtaken holds up nobody. Should the one who was told less take it, both have loaded for
    /// themselves, and what is stored is invalid to the rest.
    /// </remarks>
    private async ValueTask<LoadStart<T>> BeginLoadAsync<T>(Load<T> load, string physicalKey, long obsoleteId)
    {
        var token = RandomId.Next();
        var poll = FirstPoll;
        var force = !load.Policy.ReadsSecondLevel;
        var patience = EngineClock.AddSaturating(_clock.Now, _options.LeaseDuration * 6);
        while (true)
        {
            var generation = _groups.Counter;
            var origin = await CaptureAsync(load.Flight.Key.Scope, load.Groups, load.Policy.Expiration).ConfigureAwait(false);
            if (origin is null || _leases is null || !WritesShared(load.Policy))
            {
                return new LoadStart<T> { Generation = generation, Origin = origin };
            }

            // A holder that is alive and never ends must not hold up the other nodes for ever: then each loads for itself,
            // and only the holder may store.
            if (_clock.Now >= patience)
            {
                return new LoadStart<T> { Generation = generation };
            }

            // Registered before asking, so that an answer "someone holds it" cannot be followed by a message we miss.
            using var wait = _leaseWaits.Register(load.Flight.Key);

            // While a removal of the key waits to be told there, what the second level holds is obsolete and may be replaced.
            var demand = new LeaseDemand(force || _pending.HasKey(physicalKey), obsoleteId, origin.Signature());
            var answer = await _second!.TryLeaseAsync(physicalKey, token, demand).ConfigureAwait(false);
            if (!answer.Succeeded)
            {
                return new LoadStart<T> { Generation = generation };
            }

            if (answer.Value.Granted)
            {
                return new LoadStart<T> { Generation = generation, Origin = origin, Lease = _leases.Keep(physicalKey, token) };
            }

            using (var stored = answer.Value.Found)
            {
                if (stored.Exists)
                {
                    if (_pending.HasKey(physicalKey))
                    {
                        continue;
                    }

                    var found = await UseStoredAsync(load, physicalKey, stored.Data).ConfigureAwait(false);
                    if (found.IsValid)
                    {
                        return new LoadStart<T> { Found = found };
                    }

                    // Unreadable: there is no id to name it by, so it is replaced by force.
                    force |= found.ObsoleteId == obsoleteId;
                    obsoleteId = found.ObsoleteId;
                    continue;
                }
            }

            await wait.WaitAsync(poll, _clock.Provider, load.Flight.Token).ConfigureAwait(false);
            poll = poll * 2 < LongestPoll ? poll * 2 : LongestPoll;
        }
    }

    private async ValueTask StoreLoadedAsync<T>(Load<T> load, T value, string physicalKey, long generation, EntryOrigin? origin, Lease lease)
    {
        if (origin is null || !WritesShared(load.Policy))
        {
            // Not at the second level, by choice or because it does not answer. Without an origin the entry is only as good as
            // what this node hears (see VerifyAsync).
            StoreInMemoryOnly(load, value, generation, origin is null ? null : origin with { Id = 0 });
            return;
        }

        var now = _clock.UtcNowMilliseconds;
        var negative = load.Flight.Kind == CacheResultKind.NotFound;
        var header = Header(load.TagNames, physicalKey, value is null, now, load.Policy.Expiration, origin!) with { IsNotFound = negative };
        using var writer = TrySerialize(negative ? default : value, header);
        if (writer is null)
        {
            load.Result = Immutability<T>.IsImmutable || value is null ? null : FlightResult<T>.Unshareable;
            return;
        }

        // A lease that is gone means that the key was changed, or that this load was given up on: the value belongs to its
        // callers and nowhere else. Without leases the same question is put to this process's own fence.
        bool stored;
        if (lease.IsHeld)
        {
            var answer = await _second!.SetLeasedAsync(physicalKey, lease.Token, writer.Written, load.Policy.Expiration).ConfigureAwait(false);
            stored = answer is { Succeeded: true, Value: not LeaseEnd.Lost };
            if (answer.Succeeded)
            {
                _leases!.Stop(lease);
                TellAwaiting(load.Flight.Key, answer.Value);
            }
        }
        else if (load.Flight.TryBeginWrite())
        {
            var answer = await _second!.SetAsync(physicalKey, writer.Written, load.Policy.Terms).ConfigureAwait(false);
            load.Flight.EndWrite();
            stored = answer.Succeeded;
        }
        else
        {
            stored = false;
        }

        if (!stored)
        {
            _metrics.Unstored.Add(1, LarderMetrics.Tag("reason", "changed_meanwhile"));
            load.Result = Shareable(load, value);
            return;
        }

        var metadata = Metadata(load.Flight.Key, load.Policy.LocalExpiration, _clock.Now, now, generation, origin, load.Groups, writer.Length);
        StoreInMemory(load, negative ? new NegativeEntry(metadata)
            : Immutability<T>.IsImmutable || value is null ? new ValueEntry<T>(metadata, value)
            : new SerializedEntry<T>(metadata, writer.Written[HeaderLength(load.TagNames)..].ToArray(), _serializers.Get<T>()));
    }

    private static EntryHeader Header(string[]? tags, string physicalKey, bool isNull, long now, TimeSpan expiration, EntryOrigin origin)
    {
        var stamped = new TagStamp[tags?.Length ?? 0];
        for (var i = 0; i < stamped.Length; i++)
        {
            stamped[i] = new TagStamp(tags![i], origin.TagStamps![i]);
        }

        return new EntryHeader
        {
            PhysicalKey = physicalKey,
            Id = origin.Id,
            Created = now,
            Expires = EngineClock.AddSaturating(now, expiration),
            ScopeStamp = origin.ScopeStamp,
            Tags = stamped,
            IsNull = isNull,
        };
    }

    private static int HeaderLength(string[]? tags) => EntryPayload.HeaderLength + 4 + (tags?.Sum(tag => 10 + (tag.Length * 2)) ?? 0);

    // A second level that keeps its own memory is both levels in one.
    private bool ReadsShared(EntryPolicy policy) => policy.ReadsSecondLevel || (!_keepsMemory && policy.ReadsMemory);

    private bool WritesShared(EntryPolicy policy) => policy.WritesSecondLevel || (!_keepsMemory && policy.WritesMemory);

    private void Reject(PayloadFault fault)
    {
        // Whoever fills the store with rubbish does not get to fill the log too: once a minute for each fault.
        var now = _clock.Now;
        var next = Volatile.Read(ref _nextRejectLog[(int)fault]);
        if (now >= next && Interlocked.CompareExchange(ref _nextRejectLog[(int)fault], now + 60_000, next) == next)
        {
            _logger.PayloadRejected(fault.ToString());
        }

        _metrics.Rejected.Add(1, LarderMetrics.Tag("fault", fault.ToString()));
    }

    private void TellAwaiting(MemoryKey key, LeaseEnd end)
    {
        if (end != LeaseEnd.HeldAndAwaited)
        {
            return;
        }

        // Another load on this very node may wait too, if something was invalidated in between.
        _leaseWaits.Wake(key);
        if (_backplane is not null)
        {
            // Only a hint to those who wait; they also poll.
            Observe(_backplane.PublishAsync(BackplaneMessage.KeyFilled(key.Scope.Id, key.Key)));
        }
    }

    private static void Observe(Task task) => _ = task.ContinueWith(static ended => _ = ended.Exception, TaskScheduler.Default);

    /// <summary>What a load knows when its factory starts; or the value that made it unnecessary.</summary>
    private readonly record struct LoadStart<T>
    {
        public Found<T> Found { get; init; }

        public long Generation { get; init; }

        public EntryOrigin? Origin { get; init; }

        public Lease Lease { get; init; }
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
