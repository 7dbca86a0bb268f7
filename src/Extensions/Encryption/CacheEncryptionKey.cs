using System.Buffers;
using System.Security.Cryptography;

namespace Larder;

/// <summary>A key for AES-GCM, and the id that stored values name it by.</summary>
/// <remarks>The bytes are copied, stay where the garbage collector does not move them, and are zeroed by <see cref="Dispose"/>. Nothing shows them.</remarks>
public sealed class CacheEncryptionKey : IDisposable
{
    internal const int TagLength = 16;
    private const int MaximumIdLength = 64;
    private static readonly SearchValues<char> IdCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");

    private readonly Lock _lock = new();
    private readonly byte[] _key;
    private bool _disposed;

    /// <summary>Makes one.</summary>
    /// <param name="id">Its id: 1 to 64 letters, digits, dots, hyphens and underscores. It is stored in the clear with each value.</param>
    /// <param name="key">The key: 16, 24 or 32 bytes. They are copied.</param>
    /// <exception cref="ArgumentException">One of them is not so. No message shows the key.</exception>
    public CacheEncryptionKey(string id, ReadOnlySpan<byte> key)
    {
        ArgumentNullException.ThrowIfNull(id);
        if (!IsId(id))
        {
            throw new ArgumentException($"The id of an encryption key is '{id}'. It must be 1 to {MaximumIdLength} letters, digits, dots, hyphens and underscores.", nameof(id));
        }

        if (key.Length is not (16 or 24 or 32))
        {
            throw new ArgumentException($"The encryption key '{id}' is {key.Length} bytes long. It must be 16, 24 or 32 bytes (128, 192 or 256 bits).", nameof(key));
        }

        Id = id;
        _key = GC.AllocateUninitializedArray<byte>(key.Length, pinned: true);
        key.CopyTo(_key);
    }

    /// <summary>What stored values name the key by.</summary>
    public string Id { get; }

    /// <summary>Makes one from text, as configurations and secret stores hold it.</summary>
    /// <param name="id">Its id: 1 to 64 letters, digits, dots, hyphens and underscores.</param>
    /// <param name="base64">The key in Base64: 16, 24 or 32 bytes.</param>
    /// <exception cref="ArgumentException">One of them is not so. No message shows the key.</exception>
    public static CacheEncryptionKey FromBase64(string id, string base64)
    {
        ArgumentNullException.ThrowIfNull(base64);
        var bytes = new byte[base64.Length];
        try
        {
            return Convert.TryFromBase64String(base64, bytes, out var length)
                ? new CacheEncryptionKey(id, bytes.AsSpan(0, length))
                : throw new ArgumentException($"The encryption key '{id}' is not Base64. 32 random bytes are made with: openssl rand -base64 32", nameof(base64));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    /// <summary>Zeroes the key. It cannot be used afterwards.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            CryptographicOperations.ZeroMemory(_key);
        }
    }

    /// <summary>Shows the id, never the key.</summary>
    public override string ToString() => $"key '{Id}'";

    internal static bool IsId(ReadOnlySpan<char> id) => id.Length is > 0 and <= MaximumIdLength && !id.ContainsAnyExcept(IdCharacters);

    internal void ThrowIfDisposed()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
        }
    }

    /// <summary>The cipher. Under the lock, because what is zeroed at the same moment would still be a valid key: one that everybody knows.</summary>
    internal AesGcm CreateCipher()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return new AesGcm(_key, TagLength);
        }
    }

    /// <summary>A key derived from this one (HKDF of RFC 5869 with SHA-256), with the same id.</summary>
    internal CacheEncryptionKey Derive(ReadOnlySpan<byte> info)
    {
        Span<byte> derived = stackalloc byte[32];
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            HKDF.DeriveKey(HashAlgorithmName.SHA256, _key, derived, salt: default, info);
        }

        var key = new CacheEncryptionKey(Id, derived);
        CryptographicOperations.ZeroMemory(derived);
        return key;
    }
}
