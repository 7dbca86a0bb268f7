using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.IO.Compression;
using System.Runtime.InteropServices;
using Larder.Engine;

namespace Larder.Compression;

/// <summary>Compressed values: one byte that says how (see <see cref="CacheCompression"/>), four for the length of the value, then the data.</summary>
internal static class Compressor
{
    private const int PrefixLength = 5;
    private const int BrotliQuality = 1;
    private const int BrotliWindow = 22;

    /// <summary>The value compressed; null if that does not save an eighth of it, which would not be worth the time of its readers.</summary>
    public static PayloadWriter? TryCompress(ReadOnlySpan<byte> value, CacheCompression compression)
    {
        var room = value.Length - (value.Length / 8) - PrefixLength;
        if (room <= 0)
        {
            return null;
        }

        var writer = new PayloadWriter(long.MaxValue);
        var target = writer.GetMemory(PrefixLength + room)[..(PrefixLength + room)];
        target.Span[0] = (byte)compression;
        BinaryPrimitives.WriteInt32LittleEndian(target.Span[1..], value.Length);
        var fits = compression == CacheCompression.Brotli
            ? BrotliEncoder.TryCompress(value, target.Span[PrefixLength..], out var written, BrotliQuality, BrotliWindow)
            : TryDeflate(value, target[PrefixLength..], out written);
        if (!fits)
        {
            writer.Dispose();
            return null;
        }

        writer.Advance(PrefixLength + written);
        return writer;
    }

    /// <summary>
    /// The value that was compressed; false if these are no compressed bytes, or of a value of more than <paramref name="maximumBytes"/>.
    /// No more than that is ever written, whatever the bytes claim.
    /// </summary>
    public static bool TryDecompress(ReadOnlyMemory<byte> compressed, long maximumBytes, [NotNullWhen(true)] out PayloadWriter? value)
    {
        value = null;
        if (compressed.Length < PrefixLength)
        {
            return false;
        }

        var length = BinaryPrimitives.ReadInt32LittleEndian(compressed.Span[1..]);
        if (length <= 0 || length > maximumBytes)
        {
            return false;
        }

        var writer = new PayloadWriter(long.MaxValue);
        try
        {
            var target = writer.GetSpan(length)[..length];
            var data = compressed[PrefixLength..];
            var read = (CacheCompression)compressed.Span[0] switch
            {
                CacheCompression.Brotli => BrotliDecoder.TryDecompress(data.Span, target, out var written) && written == length,
                CacheCompression.Deflate => TryInflate(data, target),
                _ => false,
            };
            if (read)
            {
                writer.Advance(length);
                value = writer;
            }
        }
        catch (InvalidDataException)
        {
            // Not what it says it is.
        }

        if (value is null)
        {
            writer.Dispose();
        }

        return value is not null;
    }

    private static bool TryDeflate(ReadOnlySpan<byte> value, Memory<byte> target, out int written)
    {
        var bounded = new BoundedStream(target);
        using (var deflate = new DeflateStream(bounded, CompressionLevel.Fastest, leaveOpen: true))
        {
            deflate.Write(value);
        }

        written = bounded.Written;
        return !bounded.IsOverrun;
    }

    private static bool TryInflate(ReadOnlyMemory<byte> data, Span<byte> target)
    {
        var bytes = MemoryMarshal.TryGetArray(data, out var segment) ? segment : new ArraySegment<byte>(data.ToArray());
        using var inflate = new DeflateStream(new MemoryStream(bytes.Array!, bytes.Offset, bytes.Count, writable: false), CompressionMode.Decompress);
        return inflate.ReadAtLeast(target, target.Length, throwOnEndOfStream: false) == target.Length && inflate.ReadByte() < 0;
    }
}
