using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Larder.Engine;

namespace Larder.Encryption;

/// <summary>
/// Encrypted values (AES-GCM): one byte for the length of the key's id, the id in ASCII, a random nonce of 12 bytes, the data, a tag of 16 bytes.
/// </summary>
/// <remarks>
/// The tag covers the header that stands before the value and the physical key, so a value is refused that was moved to another key or tenant, or whose header was
/// changed. Left out are the header's checksum, which covers the result, and the value's length, which the tag implies.
/// </remarks>
internal static class EntryCipher
{
    private const int NonceLength = 12;

    /// <summary>Appends the data, encrypted, to a header without checksum and length.</summary>
    public static void Seal(PayloadWriter target, ReadOnlySpan<byte> data, string physicalKey, CacheEncryptionKey key)
    {
        var associated = Associate(target.WrittenSpan, physicalKey, out var associatedLength);
        using var cipher = key.CreateCipher();
        var length = 1 + key.Id.Length + NonceLength + data.Length + CacheEncryptionKey.TagLength;
        var span = target.GetSpan(length)[..length];
        span[0] = (byte)key.Id.Length;
        Encoding.ASCII.GetBytes(key.Id, span[1..]);
        span = span[(1 + key.Id.Length)..];
        RandomNumberGenerator.Fill(span[..NonceLength]);
        cipher.Encrypt(span[..NonceLength], data, span[NonceLength..^CacheEncryptionKey.TagLength], span[^CacheEncryptionKey.TagLength..], associated.AsSpan(0, associatedLength));
        target.Advance(length);
        ArrayPool<byte>.Shared.Return(associated);
    }

    /// <summary>The id of the key that data was encrypted with; null if there is none that could be one.</summary>
    public static string? KeyId(ReadOnlySpan<byte> encrypted)
    {
        if (encrypted.Length < 1 || encrypted.Length < 1 + encrypted[0] + NonceLength + CacheEncryptionKey.TagLength)
        {
            return null;
        }

        var id = Encoding.Latin1.GetString(encrypted.Slice(1, encrypted[0]));
        return CacheEncryptionKey.IsId(id) ? id : null;
    }

    /// <summary>The data, or null if it, its header or its place is not what it was.</summary>
    public static PayloadWriter? TryOpen(ReadOnlySpan<byte> header, ReadOnlySpan<byte> encrypted, string physicalKey, CacheEncryptionKey key)
    {
        var associated = Associate(header, physicalKey, out var associatedLength);
        encrypted = encrypted[(1 + encrypted[0])..];
        var length = encrypted.Length - NonceLength - CacheEncryptionKey.TagLength;
        var data = new PayloadWriter(long.MaxValue);
        try
        {
            using var cipher = key.CreateCipher();
            cipher.Decrypt(
                encrypted[..NonceLength], encrypted.Slice(NonceLength, length), encrypted[^CacheEncryptionKey.TagLength..], data.GetSpan(Math.Max(length, 1))[..length], associated.AsSpan(0, associatedLength));
            data.Advance(length);
            return data;
        }
        catch (CryptographicException)
        {
            data.Dispose();
            return null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(associated);
        }
    }

    private static byte[] Associate(ReadOnlySpan<byte> header, string physicalKey, out int length)
    {
        var key = MemoryMarshal.AsBytes(physicalKey.AsSpan());
        length = 4 + header.Length + key.Length;
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        BinaryPrimitives.WriteInt32LittleEndian(buffer, header.Length);
        var copy = buffer.AsSpan(4, header.Length);
        header.CopyTo(copy);
        EntryPayload.ClearSeal(copy);
        key.CopyTo(buffer.AsSpan(4 + header.Length));
        return buffer;
    }
}
