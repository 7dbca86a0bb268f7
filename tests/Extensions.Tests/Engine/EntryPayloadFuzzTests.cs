using System.Buffers.Binary;
using Larder.Engine;
using Xunit;

namespace Larder.Tests.Engine;

/// <summary>Damaged payloads: never an exception, never another value than the one that was stored.</summary>
public sealed class EntryPayloadFuzzTests
{
    private const string Key = "app:v1:t.acme:p:n.users:42";
    private const int Rounds = 600_000;

    private static readonly EntryHeader[] Headers =
    [
        Payloads.SampleHeader(Key),
        Payloads.SampleHeader(Key, "tag"),
        Payloads.SampleHeader(Key, "", "two", new string('x', 300)),
        Payloads.SampleHeader(Key) with { Terms = new StoredTerms(60_000, 3_600_000, 0, null) },
        Payloads.SampleHeader(Key, "tag") with { Terms = new StoredTerms(0, 1, 30_000, "\"v1\"") },
        Payloads.SampleHeader(Key, "tag") with { Indexes = [new CacheIndex("user", "alice"), new CacheIndex("device", "")] },
        Payloads.SampleHeader(Key) with { Layers = PayloadLayer.Compressed },
        Payloads.SampleHeader(Key, "tag") with { Layers = PayloadLayer.Compressed | PayloadLayer.Encrypted },
    ];

    private static readonly byte[] Value = [.. Enumerable.Range(0, 40).Select(i => (byte)i)];

    [Fact]
    public void A_single_flipped_bit_is_noticed_wherever_it_is()
    {
        foreach (var header in Headers)
        {
            var payload = Payloads.Write(header, Value);
            for (var bit = 0; bit < payload.Length * 8; bit++)
            {
                // The flags at 2 and 3 are looked at in a test of their own.
                if (bit / 8 is 2 or 3)
                {
                    continue;
                }

                payload[bit / 8] ^= (byte)(1 << (bit % 8));
                Assert.True(EntryPayload.TryRead(payload, Key, out _, out _) != PayloadFault.None, $"bit {bit}");
                payload[bit / 8] ^= (byte)(1 << (bit % 8));
            }
        }
    }

    [Fact]
    public void A_flipped_flag_is_noticed()
    {
        var payload = Payloads.Write(Headers[0], Value);
        for (var bit = 16; bit < 32; bit++)
        {
            payload[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.True(EntryPayload.TryRead(payload, Key, out _, out _) != PayloadFault.None, $"bit {bit}");
            payload[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    /// <summary>A newer node may mean by it that the value is to be read in another way.</summary>
    [Fact]
    public void An_unknown_flag_behind_a_right_checksum_is_refused()
    {
        for (var bit = 6; bit < 16; bit++)
        {
            var payload = Payloads.Write(Headers[0], Value);
            payload[2 + (bit / 8)] |= (byte)(1 << (bit % 8));
            Payloads.Reseal(payload);
            Assert.Equal(PayloadFault.Version, EntryPayload.TryRead(payload, Key, out _, out _));
            Assert.False(EntryPayload.TryReadHead(payload, Key, out _));
        }
    }

    [Fact]
    public void Every_truncation_and_extension_is_noticed()
    {
        foreach (var header in Headers)
        {
            var payload = Payloads.Write(header, Value);
            for (var length = 0; length < payload.Length; length++)
            {
                Assert.NotEqual(PayloadFault.None, EntryPayload.TryRead(payload.AsMemory(0, length), Key, out _, out _));
                var sealedAgain = payload[..length];
                Payloads.Reseal(sealedAgain);
                Assert.NotEqual(PayloadFault.None, EntryPayload.TryRead(sealedAgain, Key, out _, out _));
            }

            byte[] longer = [.. payload, 0];
            Payloads.Reseal(longer);
            Assert.NotEqual(PayloadFault.None, EntryPayload.TryRead(longer, Key, out _, out _));
        }
    }

    [Fact]
    public void Random_damage_never_yields_another_value()
    {
        var random = new Random(20250101);
        for (var round = 0; round < Rounds; round++)
        {
            var header = Headers[round % Headers.Length];
            var payload = Payloads.Write(header, Value);
            var damaged = Damage(payload, random, from: 4);
            if (EntryPayload.TryRead(damaged, Key, out var read, out var value) == PayloadFault.None)
            {
                Payloads.AssertSame(header, read);
                Assert.Equal(Value, value.ToArray());
            }
        }
    }

    [Fact]
    public void Damage_behind_a_right_checksum_never_throws_and_what_is_read_is_what_stands_there()
    {
        var random = new Random(20250102);
        var accepted = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var damaged = Damage(Payloads.Write(Headers[round % Headers.Length], Value), random, from: 32);
            Payloads.Reseal(damaged);
            if (EntryPayload.TryRead(damaged, Key, out var read, out var value) == PayloadFault.None)
            {
                accepted++;
                var again = Payloads.Write(read, value.Span);
                damaged[58] = damaged[59] = 0;
                Payloads.Reseal(damaged);
                Assert.Equal(again, damaged);
            }
        }

        // Otherwise nothing but refusals was looked at.
        Assert.InRange(accepted, Rounds / 20, Rounds - (Rounds / 20));
    }

    private static byte[] Damage(byte[] payload, Random random, int from)
    {
        for (var times = random.Next(1, 4); times > 0; times--)
        {
            var at = random.Next(from, payload.Length);
            switch (random.Next(7))
            {
                case 0:
                    payload[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    payload[at] = (byte)random.Next(256);
                    break;
                case 2:
                    payload = payload[..Math.Max(from + 4, random.Next(payload.Length))];
                    break;
                case 3:
                    payload = [.. payload, .. new byte[random.Next(1, 20)]];
                    break;
                case 4 when payload.Length > 60:
                    BinaryPrimitives.WriteUInt16LittleEndian(payload.AsSpan(56), (ushort)random.Next(random.Next(2) == 0 ? 4 : 65_536));
                    break;
                case 5 when payload.Length > 72:
                    BinaryPrimitives.WriteUInt16LittleEndian(payload.AsSpan(68), (ushort)random.Next(random.Next(2) == 0 ? 8 : 65_536));
                    break;
                default:
                    var count = Math.Min(random.Next(1, 12), payload.Length - at);
                    payload.AsSpan(random.Next(from, payload.Length - count + 1), count).CopyTo(payload.AsSpan(at));
                    break;
            }
        }

        return payload;
    }
}
