using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Larder.Engine;

/// <remarks>The kinds of changes of an entry; <c>Update</c> carries them out.</remarks>
internal sealed partial class CacheEngine
{
    /// <summary>A new value made from the present one.</summary>
    public async ValueTask<CacheResult<T>> UpdateAsync<T>(ScopeState scope, string key, Func<T, T> change, TimeSpan? expiration, CancellationToken cancellationToken)
    {
        var update = new ValueUpdate<T>(this, change) { Expiration = expiration };
        return await UpdateAsync(scope, key, update, cancellationToken).ConfigureAwait(false) ? new CacheResult<T>(CacheResultKind.Found, update.Value) : default;
    }

    /// <summary>Some fields of the present value, which is a JSON object.</summary>
    public ValueTask<bool> MergeAsync<T>(ScopeState scope, string key, T changes, TimeSpan? expiration, CancellationToken cancellationToken)
    {
        JsonNode? patch;
        using (var writer = new PayloadWriter(_options.MaximumPayloadBytes))
        {
            _serializers.Json<T>().Serialize(changes, writer);
            try
            {
                patch = JsonMerge.Parse(writer.WrittenSpan);
            }
            catch (JsonException exception)
            {
                throw new ArgumentException($"The changes, made from a {typeof(T)}, cannot be used: {exception.Message} Give an object that names each field once.", nameof(changes), exception);
            }
        }

        return patch is JsonObject fields
            ? UpdateAsync(scope, key, new MergeUpdate(this, key, fields) { Expiration = expiration }, cancellationToken)
            : throw new ArgumentException($"The changes are {JsonMerge.Kind(patch)}, made from a {typeof(T)}. Give an object with the fields to change, such as new {{ status = \"confirmed\" }}.", nameof(changes));
    }

    /// <summary>Another end of the present value.</summary>
    public ValueTask<bool> ExpireAsync(ScopeState scope, string key, TimeSpan expiration, CancellationToken cancellationToken) =>
        UpdateAsync(scope, key, new BytesUpdate(this) { Expiration = expiration }, cancellationToken);

    private sealed class ValueUpdate<T>(CacheEngine engine, Func<T, T> change) : EntryUpdate
    {
        public T? Value { get; private set; }

        public override bool IsNull => Value is null;

        public override bool TryApply(MemoryEntry entry)
        {
            if (!engine.TryReadValue<T>(entry, out var present))
            {
                return false;
            }

            Value = change(present);
            return true;
        }

        public override bool TryApply(in EntryHeader header, ReadOnlyMemory<byte> payload)
        {
            T? present = default;
            if (header.IsNull && present is not null)
            {
                return false;
            }

            try
            {
                present = header.IsNull ? default : engine._serializers.Get<T>().Deserialize(new ReadOnlySequence<byte>(payload));
            }
            catch (Exception)
            {
                // Of another type: a read would not have found it either.
                engine.Reject(PayloadFault.Value);
                return false;
            }

            Value = change(present!);
            return true;
        }

        public override MemoryEntry? ToEntry(MemoryEntry before, Func<int, EntryMetadata> metadata)
        {
            if (Immutability<T>.IsImmutable || Value is null)
            {
                return new ValueEntry<T>(metadata(EstimateSize(Value)), Value!);
            }

            using var writer = engine.TrySerialize(Value);
            return writer is null ? null : new SerializedEntry<T>(metadata(writer.Length), writer.Written.ToArray(), engine._serializers.Get<T>());
        }

        public override SerializedPayload? Serialize(in EntryHeader header, in LayerPlan plan) => engine.TrySerialize(Value, header, plan);

        public override MemoryEntry? ToEntry(SerializedPayload written, Func<int, EntryMetadata> metadata) => Immutability<T>.IsImmutable || Value is null
            ? new ValueEntry<T>(metadata(written.Length), Value!)
            : new SerializedEntry<T>(metadata(written.Value.Length), written.Value.ToArray(), engine._serializers.Get<T>());
    }

    /// <summary>Leaves the value as its serializer wrote it.</summary>
    private class BytesUpdate(CacheEngine engine) : EntryUpdate
    {
        protected byte[]? Bytes { get; set; }

        protected CacheEngine Engine => engine;

        public override bool IsNull => Bytes is null;

        public override bool TryApply(MemoryEntry entry) => true;

        public override bool TryApply(in EntryHeader header, ReadOnlyMemory<byte> payload)
        {
            Bytes = header.IsNull ? null : payload.ToArray();
            return true;
        }

        public override MemoryEntry? ToEntry(MemoryEntry before, Func<int, EntryMetadata> metadata) => before.With(metadata);

        public override SerializedPayload? Serialize(in EntryHeader header, in LayerPlan plan) => engine.TrySerialize(Bytes, header, plan);

        public override MemoryEntry? ToEntry(SerializedPayload written, Func<int, EntryMetadata> metadata) => null;
    }

    private sealed class MergeUpdate(CacheEngine engine, string key, JsonObject changes) : BytesUpdate(engine)
    {
        public override bool TryApply(MemoryEntry entry)
        {
            Bytes = JsonMerge.Apply(entry.ToJson(Engine._serializers), changes, key);
            return true;
        }

        public override bool TryApply(in EntryHeader header, ReadOnlyMemory<byte> payload)
        {
            Bytes = JsonMerge.Apply(header.IsNull ? "null"u8.ToArray() : payload, changes, key);
            return true;
        }

        public override MemoryEntry? ToEntry(MemoryEntry before, Func<int, EntryMetadata> metadata)
        {
            try
            {
                return before.WithJson(metadata, Bytes!, Engine._serializers);
            }
            catch (JsonException exception)
            {
                throw new InvalidOperationException($"The value of '{JsonMerge.Shorten(key)}' with these changes is no value of its type any more: {exception.Message} It was left as it was.", exception);
            }
        }
    }
}
