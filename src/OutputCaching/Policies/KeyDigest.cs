using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Larder.Http;

/// <summary>
/// Fields in, one short text out. Each field is preceded by its length and hashed as UTF-16, so different lists of
/// fields give different texts, up to a collision of SHA-256. An absent field differs from an empty one.
/// </summary>
internal sealed class KeyDigest : IDisposable
{
    private const int LongestPlainKey = 200;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    public KeyDigest Add(ReadOnlySpan<char> field)
    {
        AddNumber(field.Length);
        _hash.AppendData(MemoryMarshal.AsBytes(field));
        return this;
    }

    public KeyDigest Add(string? field)
    {
        if (field is null)
        {
            AddNumber(-1);
            return this;
        }

        return Add(field.AsSpan());
    }

    public KeyDigest AddNumber(long number)
    {
        _hash.AppendData(MemoryMarshal.AsBytes(new ReadOnlySpan<long>(ref number)));
        return this;
    }

    /// <summary>The text: 64 hexadecimal digits.</summary>
    public string Finish()
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        _hash.GetHashAndReset(hash);
        return Convert.ToHexStringLower(hash);
    }

    public void Dispose() => _hash.Dispose();

    /// <summary>The key itself if it is short, otherwise its hash behind a mark that no short key begins with.</summary>
    public static string Shorten(string key)
    {
        if (key.Length <= LongestPlainKey)
        {
            return key;
        }

        using var digest = new KeyDigest();
        return "#" + digest.Add(key.AsSpan()).Finish();
    }
}
