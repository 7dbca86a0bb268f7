using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Larder.Http;

/// <summary>
/// Fields in, one short text out. Each field is preceded by its length and hashed as UTF-16, so different lists of
/// fields give different texts, up to a collision of SHA-256. An absent field differs from an empty one.
/// </summary>
internal sealed class KeyDigest : IDisposable
{
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

    /// <summary>Several fields, with their number in front.</summary>
    public KeyDigest AddAll(IReadOnlyCollection<string?> fields)
    {
        AddNumber(fields.Count);
        foreach (var field in fields)
        {
            Add(field);
        }

        return this;
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
}
