using System.Collections.Concurrent;
using System.Text;
using Larder.Scopes;

namespace Larder.Encryption;

/// <summary>The keys of a <see cref="CacheKeyRing"/>, as they are or derived for each tenant.</summary>
internal sealed class KeyRingProvider(CacheKeyRing ring) : ICacheKeyProvider, IDisposable
{
    /// <summary>How many derived keys are kept. Deriving one takes microseconds; keeping those of ever new tenants would have no end.</summary>
    public const int MaximumDerivedKeys = 4_096;

    private readonly ConcurrentDictionary<(string Id, string Tenant), CacheEncryptionKey> _derived = new();

    public int DerivedKeys => _derived.Count;

    public ValueTask<CacheEncryptionKey> GetCurrentKeyAsync(CacheScope scope, CancellationToken cancellationToken) => new(ForScope(ring.Current!, scope));

    public ValueTask<CacheEncryptionKey?> FindKeyAsync(CacheScope scope, string id, CancellationToken cancellationToken) =>
        new(ring.Keys.TryGetValue(id, out var key) ? ForScope(key, scope) : null);

    // The keys given are the application's, and of every container that is built from its services.
    public void Dispose()
    {
        foreach (var key in _derived.Values)
        {
            key.Dispose();
        }
    }

    private CacheEncryptionKey ForScope(CacheEncryptionKey key, CacheScope scope)
    {
        if (!ring.IsPerTenant)
        {
            return key;
        }

        var tenant = ScopedKey.TenantId(scope);
        if (_derived.TryGetValue((key.Id, tenant), out var known))
        {
            return known;
        }

        if (_derived.Count >= MaximumDerivedKeys)
        {
            // Not zeroed: they may be in use at this moment.
            _derived.Clear();
        }

        return _derived.GetOrAdd((key.Id, tenant), key.Derive(Encoding.UTF8.GetBytes($"larder cache v1 {tenant}")));
    }
}
