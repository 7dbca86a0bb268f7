using System.Buffers;
using System.ComponentModel;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Hybrid;

/// <summary>What a wrapped <see cref="HybridCache"/> is given to keep: an entry as it stands at the second level.</summary>
/// <remarks>Marked immutable, so that the wrapped cache hands out the instance it has instead of a copy. It is never written to.</remarks>
[ImmutableObject(true)]
internal sealed class ForeignPayload(byte[] data)
{
    // A wrapped cache with a serializer of its own sees a plain property.
    public byte[] Data { get; } = data;
}

/// <summary>The bytes as they are, for wrapped caches that take their serializers from the container.</summary>
internal sealed class ForeignPayloadSerializer : IHybridCacheSerializer<ForeignPayload>
{
    public ForeignPayload Deserialize(ReadOnlySequence<byte> source) => new(source.ToArray());

    public void Serialize(ForeignPayload value, IBufferWriter<byte> target) => target.Write(value.Data);
}
