using FsCheck;
using FsCheck.Fluent;
using Larder.Engine;
using Larder.Tests.Scopes;
using Xunit;

namespace Larder.Tests.Engine;

public sealed class EntryPayloadTests
{
    [Fact]
    public void What_was_written_is_read()
    {
        var cases =
            from key in HostileText.Text
            from tags in HostileText.Text.ArrayOf().Resize(4)
            from value in ArbMap.Default.GeneratorFor<byte[]>()
            from isNull in ArbMap.Default.GeneratorFor<bool>()
            from numbers in ArbMap.Default.GeneratorFor<long>().Resize(int.MaxValue).ArrayOf(4)
            select (key, tags: tags.Where(tag => tag.Length <= 16_384).ToArray(), value, isNull, numbers);
        Property.Holds(cases, c =>
        {
            var written = new EntryHeader
            {
                PhysicalKey = c.key,
                Id = c.numbers[0],
                Created = Math.Abs(c.numbers[1] / 8),
                Expires = Math.Abs(c.numbers[1] / 8) + Math.Abs(c.numbers[2] / 8),
                Indexes = (c.numbers[0] & 2) == 0 ? null : [new CacheIndex(c.key.Length > 256 ? "n" : c.key, "é\"" + c.numbers[0])],
                Terms = (c.numbers[0] & 1) == 0 ? default : new StoredTerms(Math.Abs(c.numbers[1] / 8), Math.Abs(c.numbers[2] / 8), 0, "é\"" + c.numbers[0]),
                ScopeStamp = c.numbers[3],
                Tags = [.. c.tags.Select((tag, i) => new TagStamp(tag, c.numbers[i % 4] + i))],
                IsNull = c.isNull,
            };
            var payload = Payloads.Write(written, c.value);

            Assert.Equal(PayloadFault.None, EntryPayload.TryRead(payload, c.key, out var read, out var value));
            Payloads.AssertSame(written, read);
            Assert.Equal(c.value, value.ToArray());
        });
    }

    [Fact]
    public void A_payload_of_another_key_is_refused()
    {
        var payload = Payloads.Sample("app:v1:t.one:p:n:key");

        Assert.Equal(PayloadFault.OtherKey, EntryPayload.TryRead(payload, "app:v1:t.two:p:n:key", out _, out var value));
        Assert.True(value.IsEmpty);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(255)]
    public void Another_version_is_refused_whatever_follows(byte version)
    {
        var payload = Payloads.Sample("key");
        payload[1] = version;

        Assert.Equal(PayloadFault.Version, EntryPayload.TryRead(payload, "key", out _, out _));
    }

    [Fact]
    public void What_is_no_payload_of_ours_is_refused()
    {
        foreach (var bytes in new byte[][] { [], [0], "{\"json\":true}"u8.ToArray(), new byte[63], new byte[1_000], [.. Enumerable.Repeat((byte)'L', 200)] })
        {
            Assert.NotEqual(PayloadFault.None, EntryPayload.TryRead(bytes, "key", out _, out _));
        }
    }

    [Fact]
    public void A_wrong_number_of_tags_does_not_cost_more_memory_than_arrived()
    {
        var payload = Payloads.Sample("key");
        payload[56] = payload[57] = 0xFF;
        Payloads.Reseal(payload);

        Assert.InRange(Allocated.AtLeast(() => EntryPayload.TryRead(payload, "key", out _, out _), allowed: 10_000), 0, 10_000);
    }
}
