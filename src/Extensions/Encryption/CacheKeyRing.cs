namespace Larder;

/// <summary>
/// Keys that the application has at hand: one that values are encrypted with, and older ones that are still read. Given to <c>AddEncryption</c>.
/// </summary>
/// <remarks>
/// To rotate, first <see cref="Accept(CacheEncryptionKey)"/> the new key on every node, then <see cref="Use(CacheEncryptionKey)"/> it and accept the old one until the
/// longest-lived entry has ended.
/// </remarks>
public sealed class CacheKeyRing
{
    internal Dictionary<string, CacheEncryptionKey> Keys { get; } = new(StringComparer.Ordinal);

    internal CacheEncryptionKey? Current { get; private set; }

    internal bool IsPerTenant { get; private set; }

    /// <summary>The key that new values are encrypted with.</summary>
    /// <param name="key">The key.</param>
    /// <exception cref="ArgumentException">There is a key with its id already.</exception>
    /// <exception cref="InvalidOperationException">Another key is used already.</exception>
    public CacheKeyRing Use(CacheEncryptionKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (Current is not null)
        {
            throw new InvalidOperationException($"Values are to be encrypted with the key '{Current.Id}' and with the key '{key.Id}'. Use one of them and Accept the other.");
        }

        Accept(key);
        Current = key;
        return this;
    }

    /// <summary>The key that new values are encrypted with, in Base64.</summary>
    /// <inheritdoc cref="CacheEncryptionKey.FromBase64"/>
    public CacheKeyRing Use(string id, string base64) => Use(CacheEncryptionKey.FromBase64(id, base64));

    /// <summary>A key that values are still read with.</summary>
    /// <param name="key">The key.</param>
    /// <exception cref="ArgumentException">There is a key with its id already.</exception>
    public CacheKeyRing Accept(CacheEncryptionKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return Keys.TryAdd(key.Id, key) ? this : throw new ArgumentException($"There are two encryption keys with the id '{key.Id}'. Give each key an id of its own.", nameof(key));
    }

    /// <summary>A key that values are still read with, in Base64.</summary>
    /// <inheritdoc cref="CacheEncryptionKey.FromBase64"/>
    public CacheKeyRing Accept(string id, string base64) => Accept(CacheEncryptionKey.FromBase64(id, base64));

    /// <summary>
    /// Encrypts with a key of each tenant's own, 256 bits derived from the keys given here (HKDF of RFC 5869 with SHA-256), so that what one tenant's key
    /// opens is only that tenant's. Entries without a tenant have a key of their own as well.
    /// </summary>
    public CacheKeyRing PerTenant()
    {
        IsPerTenant = true;
        return this;
    }
}
