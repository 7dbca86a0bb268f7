using System.Buffers.Binary;
using System.Numerics;
using Larder.Engine;
using Xunit;

namespace Larder.Tests.Engine;

/// <summary>Stored entries, made and damaged.</summary>
internal static class Payloads
{
    public static byte[] Write(EntryHeader header, ReadOnlySpan<byte> value)
    {
        using var writer = new PayloadWriter(int.MaxValue);
        EntryPayload.WriteHeader(writer, header);
        var headerLength = writer.Length;
        value.CopyTo(writer.GetSpan(value.Length));
        writer.Advance(value.Length);
        EntryPayload.Seal(writer.WrittenSpan, headerLength);
        return writer.Written.ToArray();
    }

    public static byte[] Sample(string key, params string[] tags) => Write(SampleHeader(key, tags), "the value"u8);

    public static EntryHeader SampleHeader(string key, params string[] tags) => new()
    {
        PhysicalKey = key,
        Id = 0x1122334455667788,
        Created = 1_700_000_000_000,
        Expires = 1_700_000_300_000,
        ScopeStamp = 0x0102030405060708,
        Tags = [.. tags.Select((tag, i) => new TagStamp(tag, i + 1))],
    };

    /// <summary>Makes the checksum right again, as an attacker would.</summary>
    public static void Reseal(Span<byte> payload)
    {
        if (payload.Length < 8)
        {
            return;
        }

        // Byte by byte: written down independently of the code under test.
        var crc = uint.MaxValue;
        for (var i = 0; i < payload.Length; i++)
        {
            // Everything but the checksum itself.
            if (i is < 4 or >= 8)
            {
                crc = BitOperations.Crc32C(crc, payload[i]);
            }
        }

        BinaryPrimitives.WriteUInt32LittleEndian(payload[4..], ~crc);
    }

    public static void AssertSame(in EntryHeader expected, in EntryHeader actual)
    {
        Assert.Equal(
            (expected.PhysicalKey, expected.Id, expected.Created, expected.Expires, expected.ScopeStamp, expected.IsNull, expected.Terms),
            (actual.PhysicalKey, actual.Id, actual.Created, actual.Expires, actual.ScopeStamp, actual.IsNull, actual.Terms));
        Assert.Equal(expected.Layers, actual.Layers);
        Assert.Equal(expected.Indexes, actual.Indexes);
        Assert.Equal(expected.Tags, actual.Tags);
    }
}
