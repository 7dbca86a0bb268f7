using Larder.Engine;
using Xunit;

namespace Larder.Tests.Engine;

public sealed class KeyHashTests
{
    [Fact]
    public void Equal_text_has_an_equal_hash_wherever_it_stands_in_memory()
    {
        for (var length = 0; length <= 100; length++)
        {
            var text = string.Concat(Enumerable.Range(0, length).Select(i => (char)('a' + (i % 26))));
            var expected = KeyHash.Compute(text, 7);
            for (var offset = 0; offset < 9; offset++)
            {
                // What stands around the text must not count.
                var buffer = (new string('\uAAAA', offset) + text + "\uBBBB\uCCCC").ToCharArray();
                Assert.Equal(expected, KeyHash.Compute(buffer.AsSpan(offset, length), 7));
            }
        }
    }

    [Fact]
    public void Every_character_and_the_length_and_the_seed_count()
    {
        for (var length = 0; length <= 70; length++)
        {
            var text = new string('k', length);
            var hash = KeyHash.Compute(text, 7);
            Assert.NotEqual(hash, KeyHash.Compute(text, 8));
            Assert.NotEqual(hash, KeyHash.Compute(text + "\0", 7));
            for (var i = 0; i < length; i++)
            {
                Assert.NotEqual(hash, KeyHash.Compute(text[..i] + 'l' + text[(i + 1)..], 7));
                Assert.NotEqual(hash, KeyHash.Compute(text[..i] + '\u016B' + text[(i + 1)..], 7));
            }
        }
    }

    [Fact]
    public void Texts_of_zeros_differ_by_their_length() =>
        Assert.Equal(200, Enumerable.Range(0, 200).Select(length => KeyHash.Compute(new string('\0', length), 0)).Distinct().Count());

    [Theory]
    [InlineData(0)]
    [InlineData(16)]
    [InlineData(48)]
    public void Similar_keys_are_spread_evenly_by_any_sixteen_bits(int shift)
    {
        const int Keys = 200_000;
        var buckets = new int[1 << 10];
        var whole = new HashSet<ulong>();
        for (var i = 0; i < Keys; i++)
        {
            var hash = KeyHash.Compute($"user:{i}:profile", 42);
            whole.Add(hash);
            buckets[(hash >> shift) & 1_023]++;
        }

        // The mean is 195 with a standard deviation of 14; nine of them is out of reach for an even spread.
        Assert.Equal(Keys, whole.Count);
        Assert.InRange(buckets.Min(), 195 - 126, 195);
        Assert.InRange(buckets.Max(), 195, 195 + 126);
    }
}
