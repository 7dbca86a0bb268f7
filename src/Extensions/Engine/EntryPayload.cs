using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Larder.Engine;

/// <summary>
/// What the second level holds for an entry. All numbers are little-endian.
/// </summary>
/// <remarks>
/// <code>
/// offset size
///      0    1  'L'
///      1    1  version of this layout, 1
///      2    2  flags: 1 = null, 2 = not found, 4 = has terms, 8 = has indexes, 16 = value is compressed, 32 = value is encrypted (outermost)
///      4    4  CRC-32C of everything else
///      8    8  random id of the entry (scripts read it: keep its place)
///     16   16  first half of the SHA-256 of the physical key: whose entry this is
///     32    8  created, Unix milliseconds
///     40    8  expires, Unix milliseconds
///     48    8  stamp of the scope (all its levels folded)
///     56    2  number of tags
///     58    2  zero
///     60    …  only with terms: 8 bytes stale while revalidate, 8 bytes stale if error, 8 bytes sliding window (all milliseconds),
///              2 bytes length and the ETag as UTF-16
///      …    …  per tag: 8 bytes stamp, 2 bytes length, the tag as UTF-16
///      …    …  only with indexes: 2 bytes number; per index 2 bytes length of its name, 2 bytes length of its value, both as UTF-16
///      …    4  length of the value
///      …    …  the value as its serializer wrote it; compressed and then encrypted, as the flags say (see Compressor and EntryCipher)
/// </code>
/// Whatever does not fit (another version or unknown flags, wrong checksum, another key, lengths that do not add up) is read as "nothing there".
/// Tags are UTF-16 because a tag may be any string, lone surrogates included.
/// </remarks>
internal static class EntryPayload
{
    public const byte Magic = (byte)'L';
    public const byte Version = 1;
    public const int IdOffset = 8;
    public const int HeaderLength = 60;
    private const ushort NullFlag = 1;
    private const ushort NotFoundFlag = 2;
    private const ushort TermsFlag = 4;
    private const ushort IndexesFlag = 8;
    private const ushort KnownFlags = NullFlag | NotFoundFlag | TermsFlag | IndexesFlag | (ushort)(PayloadLayer.Compressed | PayloadLayer.Encrypted);
    private const int TermsLength = 26;

    /// <summary>How many bytes stand before the value.</summary>
    public static int LengthOf(in EntryHeader header)
    {
        var length = HeaderLength + 4 + (header.Terms.IsDefault ? 0 : TermsLength + ((header.Terms.ETag?.Length ?? 0) * 2));
        foreach (var tag in header.Tags)
        {
            length += 10 + (tag.Name.Length * 2);
        }

        if (header.Indexes is { Length: > 0 } indexes)
        {
            length += 2;
            foreach (var index in indexes)
            {
                length += 4 + ((index.Name.Length + index.Value.Length) * 2);
            }
        }

        return length;
    }

    /// <summary>The part of the header that comes before the value, with room for the checksum, which <see cref="Seal"/> fills in.</summary>
    public static void WriteHeader(IBufferWriter<byte> target, in EntryHeader header)
    {
        var length = LengthOf(header);
        var span = target.GetSpan(length)[..length];
        span.Clear();
        span[0] = Magic;
        span[1] = Version;
        BinaryPrimitives.WriteUInt16LittleEndian(span[2..], (ushort)((header.IsNull ? NullFlag : 0) | (header.IsNotFound ? NotFoundFlag : 0) | (header.Terms.IsDefault ? 0 : TermsFlag) | (header.Indexes is { Length: > 0 } ? IndexesFlag : 0) | (ushort)header.Layers));
        BinaryPrimitives.WriteInt64LittleEndian(span[IdOffset..], header.Id);
        HashKey(header.PhysicalKey, span.Slice(16, 16));
        BinaryPrimitives.WriteInt64LittleEndian(span[32..], header.Created);
        BinaryPrimitives.WriteInt64LittleEndian(span[40..], header.Expires);
        BinaryPrimitives.WriteInt64LittleEndian(span[48..], header.ScopeStamp);
        BinaryPrimitives.WriteUInt16LittleEndian(span[56..], checked((ushort)header.Tags.Length));
        var rest = span[HeaderLength..];
        if (!header.Terms.IsDefault)
        {
            var etag = header.Terms.ETag ?? "";
            BinaryPrimitives.WriteInt64LittleEndian(rest, header.Terms.StaleWhileRevalidate);
            BinaryPrimitives.WriteInt64LittleEndian(rest[8..], header.Terms.StaleIfError);
            BinaryPrimitives.WriteInt64LittleEndian(rest[16..], header.Terms.SlidingWindow);
            BinaryPrimitives.WriteUInt16LittleEndian(rest[24..], checked((ushort)etag.Length));
            WriteText(etag, rest[TermsLength..]);
            rest = rest[(TermsLength + (etag.Length * 2))..];
        }

        foreach (var tag in header.Tags)
        {
            BinaryPrimitives.WriteInt64LittleEndian(rest, tag.Stamp);
            BinaryPrimitives.WriteUInt16LittleEndian(rest[8..], checked((ushort)tag.Name.Length));
            WriteText(tag.Name, rest[10..]);
            rest = rest[(10 + (tag.Name.Length * 2))..];
        }

        if (header.Indexes is { Length: > 0 } indexes)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(rest, checked((ushort)indexes.Length));
            rest = rest[2..];
            foreach (var index in indexes)
            {
                BinaryPrimitives.WriteUInt16LittleEndian(rest, checked((ushort)index.Name.Length));
                BinaryPrimitives.WriteUInt16LittleEndian(rest[2..], checked((ushort)index.Value.Length));
                WriteText(index.Name, rest[4..]);
                WriteText(index.Value, rest[(4 + (index.Name.Length * 2))..]);
                rest = rest[(4 + ((index.Name.Length + index.Value.Length) * 2))..];
            }
        }

        target.Advance(length);
    }

    /// <summary>Whether a payload is of an entry that ends when it is not read.</summary>
    public static bool MaySlide(ReadOnlySpan<byte> payload) =>
        payload.Length >= HeaderLength + TermsLength && (BinaryPrimitives.ReadUInt16LittleEndian(payload[2..]) & TermsFlag) != 0
        && BinaryPrimitives.ReadInt64LittleEndian(payload[(HeaderLength + 16)..]) != 0;

    /// <summary>Whether these bytes are to be read as a payload, of this layout or one to come; other bytes, and text that begins with the same letter, are not.</summary>
    public static bool HasHeader(ReadOnlySpan<byte> stored) => stored.Length > 1 && stored[0] == Magic && stored[1] < ' ';

    /// <summary>Fills in the value's length and the checksum, once the value stands behind the header.</summary>
    public static void Seal(Span<byte> payload, int headerLength)
    {
        BinaryPrimitives.WriteInt32LittleEndian(payload[(headerLength - 4)..], payload.Length - headerLength);
        BinaryPrimitives.WriteUInt32LittleEndian(payload[4..], Checksum(payload));
    }

    /// <summary>Clears in a copy of the header what <see cref="Seal"/> fills in.</summary>
    public static void ClearSeal(Span<byte> header)
    {
        header[4..8].Clear();
        header[^4..].Clear();
    }

    /// <summary>Reads a payload that was stored under <paramref name="physicalKey"/>, or says why it is not to be used. The value is as it was stored: <see cref="PayloadLayers.OpenAsync"/> gives the serializer's.</summary>
    public static PayloadFault TryRead(ReadOnlyMemory<byte> payload, string physicalKey, out EntryHeader header, out ReadOnlyMemory<byte> value)
    {
        header = default;
        value = default;
        var span = payload.Span;
        if (span.Length < HeaderLength + 4 || span[0] != Magic)
        {
            return PayloadFault.Foreign;
        }

        if (span[1] != Version || HasUnknownFlags(span))
        {
            return PayloadFault.Version;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(span[4..]) != Checksum(span))
        {
            return PayloadFault.Damaged;
        }

        Span<byte> hash = stackalloc byte[16];
        HashKey(physicalKey, hash);
        if (!span.Slice(16, 16).SequenceEqual(hash))
        {
            return PayloadFault.OtherKey;
        }

        if (!TryReadFields(span, physicalKey, out header, out var headerLength)
            || span.Length < headerLength + 4
            || BinaryPrimitives.ReadInt32LittleEndian(span[headerLength..]) != span.Length - headerLength - 4)
        {
            header = default;
            return PayloadFault.Damaged;
        }

        value = payload[(headerLength + 4)..];
        return PayloadFault.None;
    }

    /// <summary>Reads the header alone, from the first bytes of a payload; the checksum, which covers all of it, is not looked at.</summary>
    public static bool TryReadHead(ReadOnlySpan<byte> head, string physicalKey, out EntryHeader header)
    {
        header = default;
        return head.Length >= HeaderLength && head[0] == Magic && head[1] == Version && !HasUnknownFlags(head) && TryReadFields(head, physicalKey, out header, out _);
    }

    /// <summary>The same for one whose entry it must be; says too how many bytes its value has.</summary>
    public static bool TryReadHead(ReadOnlySpan<byte> head, string physicalKey, out EntryHeader header, out int valueLength)
    {
        Span<byte> hash = stackalloc byte[16];
        HashKey(physicalKey, hash);
        if (!TryReadHead(head, physicalKey, out header) || !head.Slice(16, 16).SequenceEqual(hash) || head.Length < LengthOf(header))
        {
            header = default;
            valueLength = 0;
            return false;
        }

        valueLength = BinaryPrimitives.ReadInt32LittleEndian(head[(LengthOf(header) - 4)..]);
        return true;
    }

    // A newer node says something about the entry that this one does not understand.
    private static bool HasUnknownFlags(ReadOnlySpan<byte> span) => (BinaryPrimitives.ReadUInt16LittleEndian(span[2..]) & ~KnownFlags) != 0;

    private static bool TryReadFields(ReadOnlySpan<byte> span, string physicalKey, out EntryHeader header, out int length)
    {
        header = default;
        length = HeaderLength;
        var flags = BinaryPrimitives.ReadUInt16LittleEndian(span[2..]);
        if (BinaryPrimitives.ReadUInt16LittleEndian(span[56..]) * 10 > span.Length - HeaderLength)
        {
            return false;
        }

        var terms = default(StoredTerms);
        if ((flags & TermsFlag) != 0 && !TryReadTerms(span[HeaderLength..], out terms, ref length))
        {
            return false;
        }

        var tags = new TagStamp[BinaryPrimitives.ReadUInt16LittleEndian(span[56..])];
        for (var i = 0; i < tags.Length; i++)
        {
            var rest = span[length..];
            if (rest.Length < 10)
            {
                return false;
            }

            var textLength = BinaryPrimitives.ReadUInt16LittleEndian(rest[8..]) * 2;
            if (rest.Length < 10 + textLength)
            {
                return false;
            }

            tags[i] = new TagStamp(ReadText(rest.Slice(10, textLength)), BinaryPrimitives.ReadInt64LittleEndian(rest));
            length += 10 + textLength;
        }

        CacheIndex[]? indexes = null;
        if ((flags & IndexesFlag) != 0 && !TryReadIndexes(span, out indexes, ref length))
        {
            return false;
        }

        header = new EntryHeader
        {
            PhysicalKey = physicalKey,
            Indexes = indexes,
            IsNull = (flags & NullFlag) != 0,
            IsNotFound = (flags & NotFoundFlag) != 0,
            Layers = (PayloadLayer)flags & (PayloadLayer.Compressed | PayloadLayer.Encrypted),
            Terms = terms,
            Id = BinaryPrimitives.ReadInt64LittleEndian(span[IdOffset..]),
            Created = BinaryPrimitives.ReadInt64LittleEndian(span[32..]),
            Expires = BinaryPrimitives.ReadInt64LittleEndian(span[40..]),
            ScopeStamp = BinaryPrimitives.ReadInt64LittleEndian(span[48..]),
            Tags = tags,
        };
        return header.Created >= 0 && header.Expires >= header.Created && header.Expires <= long.MaxValue / 2;
    }

    private static bool TryReadTerms(ReadOnlySpan<byte> span, out StoredTerms terms, ref int length)
    {
        terms = default;
        if (span.Length < TermsLength)
        {
            return false;
        }

        var textLength = BinaryPrimitives.ReadUInt16LittleEndian(span[24..]) * 2;
        if (span.Length < TermsLength + textLength)
        {
            return false;
        }

        terms = new StoredTerms(
            BinaryPrimitives.ReadInt64LittleEndian(span),
            BinaryPrimitives.ReadInt64LittleEndian(span[8..]),
            BinaryPrimitives.ReadInt64LittleEndian(span[16..]),
            textLength == 0 ? null : ReadText(span.Slice(TermsLength, textLength)));
        length += TermsLength + textLength;
        return !terms.IsDefault && IsSpan(terms.StaleWhileRevalidate) && IsSpan(terms.StaleIfError) && IsSpan(terms.SlidingWindow);
    }

    private static bool TryReadIndexes(ReadOnlySpan<byte> span, out CacheIndex[]? indexes, ref int length)
    {
        indexes = null;
        if (span.Length < length + 2)
        {
            return false;
        }

        int count = BinaryPrimitives.ReadUInt16LittleEndian(span[length..]);
        length += 2;
        if (count == 0 || count * 4 > span.Length - length)
        {
            return false;
        }

        indexes = new CacheIndex[count];
        for (var i = 0; i < count; i++)
        {
            var rest = span[length..];
            if (rest.Length < 4)
            {
                return false;
            }

            var (name, value) = (BinaryPrimitives.ReadUInt16LittleEndian(rest) * 2, BinaryPrimitives.ReadUInt16LittleEndian(rest[2..]) * 2);
            if (rest.Length < 4 + name + value)
            {
                return false;
            }

            indexes[i] = new CacheIndex(ReadText(rest.Slice(4, name)), ReadText(rest.Slice(4 + name, value)));
            length += 4 + name + value;
        }

        return true;
    }

    // What no clock of ours writes; sums with it could overflow.
    private static bool IsSpan(long milliseconds) => milliseconds is >= 0 and <= long.MaxValue / 4;

    private static void HashKey(string physicalKey, Span<byte> target)
    {
        Span<byte> whole = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(MemoryMarshal.AsBytes(physicalKey.AsSpan()), whole);
        whole[..16].CopyTo(target);
    }

    private static void WriteText(string text, Span<byte> target)
    {
        for (var i = 0; i < text.Length; i++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(target[(i * 2)..], text[i]);
        }
    }

    private static string ReadText(ReadOnlySpan<byte> source) => string.Create(source.Length / 2, source, static (chars, bytes) =>
    {
        for (var i = 0; i < chars.Length; i++)
        {
            chars[i] = (char)BinaryPrimitives.ReadUInt16LittleEndian(bytes[(i * 2)..]);
        }
    });

    private static uint Checksum(ReadOnlySpan<byte> payload)
    {
        var crc = BitOperations.Crc32C(uint.MaxValue, BinaryPrimitives.ReadUInt32LittleEndian(payload));
        var bytes = payload[8..];
        while (bytes.Length >= 8)
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }

        foreach (var b in bytes)
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return ~crc;
    }
}
