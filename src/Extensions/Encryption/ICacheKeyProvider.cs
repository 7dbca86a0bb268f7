namespace Larder;

/// <summary>
/// Gives the keys that values are encrypted with, for each tenant, project and namespace as it likes. Register one with
/// <c>AddEncryption&lt;TProvider&gt;()</c>; for keys that the application has at hand there is <see cref="CacheKeyRing"/>.
/// </summary>
/// <remarks>
/// It is asked for each value that is written to the second level or read from it, from many threads at once, so it should answer from memory. A
/// call that fails, or takes longer than the timeout of the second level, is a miss or a value that is not stored, and never
/// the reason why a request fails. It must not block its thread.
/// </remarks>
public interface ICacheKeyProvider
{
    /// <summary>The key that new values in the scope are encrypted with.</summary>
    /// <param name="scope">Whose value it is.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask<CacheEncryptionKey> GetCurrentKeyAsync(CacheScope scope, CancellationToken cancellationToken);

    /// <summary>The key with this id, if values of the scope may still be read with it; null if not, and the value is a miss.</summary>
    /// <param name="scope">Whose value it is.</param>
    /// <param name="id">The key's id as the stored value names it. It comes from the server: do not trust it to be one of yours.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask<CacheEncryptionKey?> FindKeyAsync(CacheScope scope, string id, CancellationToken cancellationToken);
}
