using FsCheck;
using FsCheck.Fluent;
using Larder.Backplane;
using Larder.Tests.Scopes;
using Xunit;

namespace Larder.Tests.Backplane;

public sealed class BackplaneBatchTests
{
    [Fact]
    public void What_was_said_is_heard()
    {
        var message =
            from kind in Gen.Choose(1, 4)
            from scope in HostileText.Text
            from name in HostileText.Text
            select new BackplaneMessage((MessageKind)kind, scope, name);
        var cases =
            from messages in message.ArrayOf().Resize(6)
            from numbers in ArbMap.Default.GeneratorFor<long>().Resize(int.MaxValue).ArrayOf(4)
            select new BackplaneBatch(numbers[0], numbers[1], numbers[2], (int)numbers[3], messages);
        Property.Holds(cases, batch =>
        {
            Assert.True(BackplaneBatch.TryDecode(batch.Encode(), out var heard));
            Assert.Equal((batch.Node, batch.Sequence, batch.SentAt, batch.Subscription), (heard.Node, heard.Sequence, heard.SentAt, heard.Subscription));
            Assert.Equal(batch.Messages, heard.Messages);
        });
    }

    [Fact]
    public void Damage_never_throws_and_what_is_heard_is_what_stands_there()
    {
        var random = new Random(20250103);
        var original = new BackplaneBatch(1, 2, 3, 4, [BackplaneMessage.KeyChanged("t.a:p:n", "key"), BackplaneMessage.TagInvalidated("t:p:n", "tag"), BackplaneMessage.LevelInvalidated("*")]).Encode();
        var heardCount = 0;
        for (var round = 0; round < 200_000; round++)
        {
            var bytes = Damage([.. original], random);
            if (BackplaneBatch.TryDecode(bytes, out var heard))
            {
                heardCount++;
                Assert.Equal(bytes, heard.Encode());
            }
        }

        Assert.InRange(heardCount, 10_000, 190_000);
    }

    [Fact]
    public void A_wrong_number_of_messages_does_not_cost_more_memory_than_arrived()
    {
        var bytes = new BackplaneBatch(1, 2, 3, 4, []).Encode();
        bytes[29] = bytes[30] = 0xFF;

        Assert.InRange(Allocated.AtLeast(() => Assert.False(BackplaneBatch.TryDecode(bytes, out _)), allowed: 1_000), 0, 1_000);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Another_version_is_not_understood(byte version)
    {
        var bytes = new BackplaneBatch(1, 2, 3, 4, []).Encode();
        bytes[0] = version;

        Assert.False(BackplaneBatch.TryDecode(bytes, out _));
    }

    private static byte[] Damage(byte[] bytes, Random random)
    {
        for (var times = random.Next(1, 4); times > 0; times--)
        {
            var at = random.Next(bytes.Length);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(8);
                    break;
                case 2:
                    bytes = bytes[..Math.Max(1, random.Next(bytes.Length))];
                    break;
                case 3:
                    bytes = [.. bytes, .. new byte[random.Next(1, 9)]];
                    break;
                default:
                    bytes[Math.Min(29 + random.Next(8), bytes.Length - 1)] = (byte)random.Next(6);
                    break;
            }
        }

        return bytes;
    }
}
