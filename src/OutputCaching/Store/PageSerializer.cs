using System.Buffers;
using System.Buffers.Binary;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Http;

/// <summary>
/// A page at the second level. Its length, version, key and checksum are the envelope's (<see cref="Engine.EntryPayload"/>); this is
/// <c>format (1 byte), created (8), life (8), status (2), content</c>, numbers little-endian.
/// </summary>
internal sealed class PageSerializer : IHybridCacheSerializer<Page>
{
    public const int HeadLength = 19;

    private const byte Format = 1;

    public Page Deserialize(ReadOnlySequence<byte> source)
    {
        Span<byte> head = stackalloc byte[HeadLength];
        if (source.Length < HeadLength)
        {
            throw new InvalidDataException("A stored page ends within its head.");
        }

        source.Slice(0, HeadLength).CopyTo(head);
        if (head[0] != Format)
        {
            throw new InvalidDataException($"A stored page has the format {head[0]}; this version reads {Format}.");
        }

        return new Page(source.Slice(HeadLength).ToArray())
        {
            Created = BinaryPrimitives.ReadInt64LittleEndian(head[1..]),
            Life = BinaryPrimitives.ReadInt64LittleEndian(head[9..]),
            Status = BinaryPrimitives.ReadUInt16LittleEndian(head[17..]),
        };
    }

    public void Serialize(Page value, IBufferWriter<byte> target)
    {
        // In one piece, so that the buffer grows once.
        var span = target.GetSpan(value.Size);
        span[0] = Format;
        BinaryPrimitives.WriteInt64LittleEndian(span[1..], value.Created);
        BinaryPrimitives.WriteInt64LittleEndian(span[9..], value.Life);
        BinaryPrimitives.WriteUInt16LittleEndian(span[17..], (ushort)value.Status);
        value.Content.CopyTo(span[HeadLength..]);
        target.Advance(value.Size);
    }
}
