using Larder.Diagnostics;

namespace Larder.Engine;

internal sealed partial class CacheEngine
{
    private async ValueTask StoreLoadedAsync<T>(Load<T> load, T value, string physicalKey, long generation, EntryOrigin? origin, Lease lease)
    {
        var plan = origin is null || !WritesShared(load.Policy) ? default : await PlanLayersAsync(load.Flight.Key.Scope, value, load.Policy.Flags).ConfigureAwait(false);
        if (origin is null || !WritesShared(load.Policy) || plan.IsWithheld)
        {
            // Not at the second level, by choice, because it does not answer, or for want of a key. Without an origin the entry is only as good as
            // what this node hears (see VerifyAsync).
            StoreInMemoryOnly(load, value, generation, origin is null ? null : origin with { Id = 0 });
            return;
        }

        if (load.NeedsLongerStamps)
        {
            // Asking for the stamps again prolongs them. Should one be another by now, the entry is invalid, as it must be.
            _ = await CaptureAsync(load.Flight.Key.Scope, load.Groups, load.Policy.Retention).ConfigureAwait(false);
        }

        var now = _clock.UtcNowMilliseconds;
        var negative = load.Flight.Kind == CacheResultKind.NotFound;
        var header = Header(load.TagNames, physicalKey, value is null, now, load.Policy, load.ETag, origin) with { IsNotFound = negative, Indexes = load.Indexes };
        using var writer = TrySerialize(negative ? default : value, header, plan);
        if (writer is null)
        {
            load.Result = Immutability<T>.IsImmutable || value is null ? null : FlightResult<T>.Unshareable;
            return;
        }

        await AddToIndexesAsync(load.Flight.Key, load.Indexes, load.Policy.Retention).ConfigureAwait(false);

        // A lease that is gone means that the key was changed, or that this load was given up on: the value belongs to its
        // callers and nowhere else. Without leases the same question is put to this process's own fence.
        bool stored;
        if (lease.IsHeld)
        {
            var answer = await _second!.SetLeasedAsync(physicalKey, lease.Token, writer.Written, load.Policy.Terms.Life).ConfigureAwait(false);
            stored = answer is { Succeeded: true, Value: not LeaseEnd.Lost };
            AbandonUnless(answer.Succeeded, writer);
            if (answer.Succeeded)
            {
                _leases!.Stop(lease);
                TellAwaiting(load.Flight.Key, answer.Value);
            }
        }
        else
        {
            var answer = await WriteInTurnAsync(load.Flight, physicalKey, writer.Written, load.Policy.Terms, unlessFenced: true, fences: false).ConfigureAwait(false);
            stored = answer is { Succeeded: true, Value: true };
            AbandonUnless(answer.Succeeded, writer);
        }

        if (!stored)
        {
            _metrics.Unstored.Add(1, LarderMetrics.Tag(AttributeNames.Reason, "changed_meanwhile"));
            load.Result = Shareable(load, value);
            return;
        }

        load.IsStored = true;
        var metadata = Metadata(load.Flight.Key, load.Policy, load.ETag, now, generation, origin, load.Groups, load.Indexes, writer.Length);
        StoreInMemory(load, negative ? new NegativeEntry(metadata)
            : Immutability<T>.IsImmutable || value is null ? new ValueEntry<T>(metadata, value)
            : new SerializedEntry<T>(metadata, writer.Value.ToArray(), _serializers.Get<T>()));
    }

    private static EntryHeader Header(string[]? tags, string physicalKey, bool isNull, long now, in EntryPolicy policy, string? etag, EntryOrigin origin)
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
            Expires = EngineClock.AddSaturating(now, policy.Expiration),
            ScopeStamp = origin.ScopeStamp,
            Tags = stamped,
            IsNull = isNull,
            Terms = policy.StoredTerms(etag),
        };
    }

    // A call that was given up may still read the buffer, so it must not be given to anyone else.
    private static void AbandonUnless(bool answered, SerializedPayload writer)
    {
        if (!answered)
        {
            writer.Abandon();
        }
    }
}
