using Larder.Compression;
using Xunit;

namespace Larder.Tests.Compression;

public sealed class CompressorTests
{
    [Theory]
    [InlineData(CacheCompression.Brotli)]
    [InlineData(CacheCompression.Deflate)]
    public void What_was_compressed_comes_back_whatever_its_length(CacheCompression compression)
    {
        var random = new Random(1);
        for (var length = 0; length < 300_000; length = (length * 5 / 4) + 1)
        {
            var value = new byte[length];
            for (var i = 0; i < length; i++)
            {
                value[i] = (byte)random.Next(1 + (length % 17));
            }

            using var compressed = Compressor.TryCompress(value, compression);
            if (compressed is null)
            {
                Assert.True(length < 200 || length % 17 > 2, $"{length}");
                continue;
            }

            Assert.True(compressed.Length <= length - (length / 8));
            Assert.True(Compressor.TryDecompress(compressed.Written, length, out var read));
            using (read)
            {
                Assert.Equal(value, read.Written.ToArray());
            }

            Assert.False(Compressor.TryDecompress(compressed.Written, length - 1, out _));
        }
    }

    [Theory]
    [InlineData(CacheCompression.Brotli)]
    [InlineData(CacheCompression.Deflate)]
    public void Damaged_data_never_throws_and_never_becomes_longer_than_allowed(CacheCompression compression)
    {
        var random = new Random(2);
        using var compressed = Compressor.TryCompress(new byte[50_000], compression)!;
        for (var round = 0; round < 20_000; round++)
        {
            var damaged = compressed.Written.ToArray()[..random.Next(compressed.Length + 1)];
            for (var times = random.Next(0, 4); times > 0 && damaged.Length > 0; times--)
            {
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            }

            if (Compressor.TryDecompress(damaged, 60_000, out var read))
            {
                Assert.InRange(read.Length, 1, 60_000);
                read.Dispose();
            }
        }
    }

    [Fact]
    public void An_unknown_kind_is_refused() => Assert.False(Compressor.TryDecompress(new byte[] { 3, 1, 0, 0, 0, 1 }, 10, out _));
}
