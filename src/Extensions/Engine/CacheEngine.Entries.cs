using Larder.Diagnostics;
using Larder.Tags;

namespace Larder.Engine;

/// <remarks>What a value becomes when it is kept: its entry in memory, its bytes behind a header, the result that callers share.</remarks>
internal sealed partial class CacheEngine
{
    /// <summary>What those who joined get: the value itself if it may be shared, otherwise bytes to read a copy from.</summary>
    private FlightResult<T> Shareable<T>(Load<T> load, T value)
    {
        if (Immutability<T>.IsImmutable || value is null)
        {
            return FlightResult<T>.Shared(value);
        }

        // Nobody has joined yet and the flight is about to end; one who joins at this very moment loads for itself.
        if (!load.Flight.IsShared)
        {
            return FlightResult<T>.Unshareable;
        }

        using var writer = TrySerialize(value);
        return writer is null ? FlightResult<T>.Unshareable : FlightResult<T>.Copied(
            new SerializedEntry<T>(Metadata(load, generation: 0, origin: null, writer.Length), writer.Written.ToArray(), _serializers.Get<T>()));
    }

    private void StoreInMemoryOnly<T>(Load<T> load, T value, long generation, EntryOrigin? origin)
    {
        if (!load.Policy.WritesMemory || !_keepsMemory)
        {
            return;
        }

        if (load.Flight.Kind == CacheResultKind.NotFound)
        {
            StoreInMemory(load, new NegativeEntry(Metadata(load, generation, origin, 0)));
            return;
        }

        if (Immutability<T>.IsImmutable || value is null)
        {
            StoreInMemory(load, new ValueEntry<T>(Metadata(load, generation, origin, EstimateSize(value)), value));
            return;
        }

        using var writer = TrySerialize(value);
        if (writer is null)
        {
            load.Result = FlightResult<T>.Unshareable;
        }
        else
        {
            StoreInMemory(load, new SerializedEntry<T>(Metadata(load, generation, origin, writer.Length), writer.Written.ToArray(), _serializers.Get<T>()));
        }
    }

    private void StoreInMemory<T>(Load<T> load, MemoryEntry entry)
    {
        if (entry is SerializedEntry<T> serialized)
        {
            load.Result = FlightResult<T>.Copied(serialized);
        }

        if (load.Policy.WritesMemory && _keepsMemory)
        {
            load.IsStored |= load.Flight.Store((_memory, entry), static state => state._memory.Set(state.entry));
        }
        else if (!_keepsMemory)
        {
            // A value that stood in here is replaced by what the wrapped cache now holds.
            _memory.Remove(entry.Scope, entry.Key, EntryDeparture.Replaced);
            load.IsStored = true;
        }
    }

    private EntryMetadata Metadata<T>(Load<T> load, long generation, EntryOrigin? origin, int payloadSize) =>
        Metadata(load.Flight.Key, load.Policy, load.ETag, _clock.UtcNowMilliseconds, generation, origin, load.Groups, load.Indexes, payloadSize);

    /// <summary>What a new entry is made of that was loaded or set just now.</summary>
    private EntryMetadata Metadata(MemoryKey key, in EntryPolicy policy, string? etag, long created, long generation, EntryOrigin? origin, Group[]? tags, CacheIndex[]? indexes, int payloadSize)
    {
        var life = EngineClock.Milliseconds(policy.Expiration);
        return Metadata(key, policy, policy.StoredTerms(etag), life, life, created, generation, origin, tags, indexes, payloadSize);
    }

    /// <summary>What a new entry is made of that was given <paramref name="life"/> milliseconds, of which <paramref name="left"/> are left.</summary>
    private EntryMetadata Metadata(
        MemoryKey key, in EntryPolicy policy, StoredTerms stored, long life, long left, long created, long generation, EntryOrigin? origin, Group[]? tags, CacheIndex[]? indexes, int payloadSize)
    {
        var now = _clock.Now;
        var expires = EngineClock.AddSaturating(now, left);
        var freshUntil = Math.Min(EngineClock.AddSaturating(now, policy.LocalExpiration), expires);
        var refreshAt = policy.Rules.RefreshAt(expires, life);
        EntryTerms? terms = null;
        if (!stored.IsDefault || refreshAt != long.MaxValue)
        {
            terms = new EntryTerms(expires, refreshAt, stored);
            terms.Begin(now);
        }

        return new EntryMetadata
        {
            Scope = key.Scope,
            Key = key.Key,
            Generation = generation,
            FreshUntil = freshUntil,
            Terms = terms,
            ServeUntil = ServeUntil(terms, freshUntil, now),
            VerifiedAt = now,
            CreatedAtUtc = created,
            Indexes = indexes,
            Size = EntryOverhead + (key.Key.Length * 2) + payloadSize + SizeOf(tags) + SizeOf(indexes) + (terms is null ? 0 : EntryTerms.Overhead + ((stored.ETag?.Length ?? 0) * 2)),
            Tags = tags,
            Origin = origin,
        };
    }

    // What an entry costs besides its text and value: the entry itself, its node in the table, its place in a queue.
    private const int EntryOverhead = 176;

    // What a tag costs that no other entry has: its group, its name twice and its place in the scope's table.
    private static int SizeOf(Group[]? tags)
    {
        var size = 0;
        foreach (var tag in tags ?? [])
        {
            size += 200 + (tag.Id.Length * 4);
        }

        return size;
    }

    // The texts, and a key's place in a set.
    private static int SizeOf(CacheIndex[]? indexes) => indexes?.Sum(index => 100 + ((index.Name.Length + index.Value.Length) * 2)) ?? 0;

    public static int EstimateSize<T>(T value) => value switch
    {
        string text => 24 + (text.Length * 2),
        IMeasured measured => 24 + measured.Size,
        _ => 24 + System.Runtime.CompilerServices.Unsafe.SizeOf<T>(),
    };
}
