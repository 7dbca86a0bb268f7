using System.Buffers;
using System.Runtime.CompilerServices;
using Larder.Diagnostics;
using Larder.Tags;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Engine;

/// <summary>
/// One value on this node, with what is needed to tell whether it may be served: two deadlines and the generation its
/// groups had before it was loaded.
/// </summary>
internal abstract class MemoryEntry(in EntryMetadata metadata)
{
    private long _generation = metadata.Generation;
    private long _serveUntil = metadata.ServeUntil;
    private long _verifiedAt = metadata.VerifiedAt;

    public ScopeState Scope { get; } = metadata.Scope;

    public string Key { get; } = metadata.Key;

    /// <summary>Groups of the entry besides its scope's levels; <see langword="null"/> for none.</summary>
    public Group[]? Tags { get; } = metadata.Tags;

    /// <summary>What the second level holds about the entry, or <see langword="null"/> when it was not stored there.</summary>
    public EntryOrigin? Origin { get; } = metadata.Origin;

    /// <summary>Until when this node's copy is fresh, in the clock's milliseconds.</summary>
    public long FreshUntil { get; } = metadata.FreshUntil;

    /// <summary>What holds besides; <see langword="null"/> for most entries.</summary>
    public EntryTerms? Terms { get; } = metadata.Terms;

    /// <summary>When the entry is of no more use, in the clock's milliseconds: as long as it is fresh or may be served stale.</summary>
    public long ExpiresAt => Terms is null ? FreshUntil : Math.Max(FreshUntil, Math.Max(Terms.RevalidateUntil, Terms.StaleUntil));

    /// <summary>Whether it is fresh: neither expired nor asleep.</summary>
    public bool IsFresh(long now) => now < FreshUntil && (Terms is null || Terms.IsAwake(now));

    public long CreatedAtUtc { get; } = metadata.CreatedAtUtc;

    /// <summary>The sets the entry belongs to; <see langword="null"/> for none.</summary>
    public CacheIndex[]? Indexes { get; } = metadata.Indexes;

    /// <summary>Bytes it is counted at.</summary>
    public int Size { get; } = metadata.Size;

    // Owned by the eviction policy: whose queue the entry is in, how often it was hit lately, and whether it is still in the table.
    public byte Hits;
    public EntryResidence Residence;

    /// <summary>How it is used; null until the first hit, and where statistics are off.</summary>
    public EntryUse? Use;

    /// <summary>The counter of invalidations as it was before the value was loaded, or last verified.</summary>
    public long Generation => Volatile.Read(ref _generation);

    /// <summary>Until when the entry is served without a closer look; then it has expired, or must be verified.</summary>
    public long ServeUntil => Volatile.Read(ref _serveUntil);

    /// <summary>When the value was last known to be what the second level holds, in the clock's milliseconds.</summary>
    public long VerifiedAt => Volatile.Read(ref _verifiedAt);

    /// <summary>Whether nothing that concerns the entry was invalidated or came into doubt since its generation.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsCurrent()
    {
        var generation = Generation;
        return Scope.Generation <= generation && (Tags is null || TagsAreCurrent(generation));
    }

    /// <summary>Moves on the moment until which a plain look serves the entry.</summary>
    public void Serve(long until) => Volatile.Write(ref _serveUntil, until);

    /// <summary>Notes that the entry was compared with the second level, by a look that began at <paramref name="generation"/>.</summary>
    public void Verified(long generation, long now, long serveUntil)
    {
        Volatile.Write(ref _verifiedAt, now);
        Volatile.Write(ref _serveUntil, serveUntil);
        Volatile.Write(ref _generation, generation);
    }

    /// <summary>Whether something that concerns the entry is known to have been invalidated since its generation, as opposed to in doubt.</summary>
    public bool IsKnownInvalid()
    {
        var generation = Generation;
        foreach (var level in Scope.Levels)
        {
            if (level.InvalidatedAt > generation)
            {
                return true;
            }
        }

        return Tags is not null && Array.Exists(Tags, tag => tag.InvalidatedAt > generation);
    }

    /// <summary>The same value with other terms, which depend on how many bytes it takes.</summary>
    public abstract MemoryEntry With(Func<int, EntryMetadata> metadata);

    /// <summary>The value as System.Text.Json writes it, or null if another serializer is responsible for it.</summary>
    public abstract ReadOnlyMemory<byte>? ToJson(Serializers serializers);

    /// <summary>An entry of the same type whose value is read from JSON.</summary>
    /// <exception cref="System.Text.Json.JsonException">It is no value of the type.</exception>
    public abstract MemoryEntry WithJson(Func<int, EntryMetadata> metadata, byte[] json, Serializers serializers);

    private bool TagsAreCurrent(long generation)
    {
        foreach (var tag in Tags!)
        {
            if (tag.Generation > generation)
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>A value that callers may share: of an immutable type, or null.</summary>
internal sealed class ValueEntry<T>(in EntryMetadata metadata, T value) : MemoryEntry(metadata)
{
    public T Value { get; } = value;

    public override MemoryEntry With(Func<int, EntryMetadata> metadata) => new ValueEntry<T>(metadata(CacheEngine.EstimateSize(Value)), Value);

    public override ReadOnlyMemory<byte>? ToJson(Serializers serializers)
    {
        if (serializers.Get<T>() is not JsonValueSerializer<T> serializer)
        {
            return null;
        }

        using var writer = new PayloadWriter(Array.MaxLength);
        serializer.Serialize(Value, writer);
        return writer.Written.ToArray();
    }

    public override MemoryEntry WithJson(Func<int, EntryMetadata> metadata, byte[] json, Serializers serializers)
    {
        var value = serializers.Get<T>().Deserialize(new ReadOnlySequence<byte>(json));
        return new ValueEntry<T>(metadata(CacheEngine.EstimateSize(value)), value);
    }
}

/// <summary>The knowledge that there is nothing under the key.</summary>
internal sealed class NegativeEntry(in EntryMetadata metadata) : MemoryEntry(metadata)
{
    public override MemoryEntry With(Func<int, EntryMetadata> metadata) => new NegativeEntry(metadata(0));

    public override ReadOnlyMemory<byte>? ToJson(Serializers serializers) => null;

    public override MemoryEntry WithJson(Func<int, EntryMetadata> metadata, byte[] json, Serializers serializers) =>
        throw new InvalidOperationException("What was not found has no value to change.");
}

/// <summary>A value of a mutable type, kept serialized: each caller gets a copy of its own.</summary>
internal sealed class SerializedEntry<T>(in EntryMetadata metadata, byte[] payload, IHybridCacheSerializer<T> serializer) : MemoryEntry(metadata)
{
    public byte[] Payload { get; } = payload;

    public T Read() => serializer.Deserialize(new ReadOnlySequence<byte>(Payload));

    public override MemoryEntry With(Func<int, EntryMetadata> metadata) => new SerializedEntry<T>(metadata(Payload.Length), Payload, serializer);

    public override ReadOnlyMemory<byte>? ToJson(Serializers serializers) => serializer is JsonValueSerializer<T> ? Payload : null;

    public override MemoryEntry WithJson(Func<int, EntryMetadata> metadata, byte[] json, Serializers serializers)
    {
        _ = serializer.Deserialize(new ReadOnlySequence<byte>(json));
        return new SerializedEntry<T>(metadata(json.Length), json, serializer);
    }
}

/// <summary>Which of the eviction policy's queues an entry is in.</summary>
internal enum EntryResidence : byte
{
    None,
    Small,
    Main,
    Removed,
}

/// <summary>What an entry's second-level copy says: its random id, and the stamps from before its load.</summary>
internal sealed record EntryOrigin(long Id, long ScopeStamp, long[]? TagStamps)
{
    /// <summary>All stamps as one number: equal for loads that have noted the same.</summary>
    public long Signature() => ScopeState.Fold([ScopeStamp, .. TagStamps ?? []]);
}

/// <summary>What a new entry is made of.</summary>
internal readonly record struct EntryMetadata
{
    public required ScopeState Scope { get; init; }

    public required string Key { get; init; }

    public required long Generation { get; init; }

    public required long ServeUntil { get; init; }

    public required long VerifiedAt { get; init; }

    public required long FreshUntil { get; init; }

    public EntryTerms? Terms { get; init; }

    public required long CreatedAtUtc { get; init; }

    public required int Size { get; init; }

    public Group[]? Tags { get; init; }

    public EntryOrigin? Origin { get; init; }

    public CacheIndex[]? Indexes { get; init; }
}
