using Larder.Diagnostics;
using Larder.Engine;
using Microsoft.Extensions.Logging;

namespace Larder.Encryption;

/// <summary>The application's keys, asked for with a timeout and a circuit breaker: no call throws or takes longer than an answer of the server may.</summary>
internal sealed class KeySource(ICacheKeyProvider provider, TimeSpan timeout, LarderMetrics metrics, ILogger logger, TimeProvider time)
{
    public Guard Guard { get; } = new("keys", timeout, metrics.KeyFailures, logger.KeysLost, logger.KeysBack, time);

    /// <summary>The key for new values of the scope, or null if none can be had.</summary>
    public async ValueTask<CacheEncryptionKey?> CurrentAsync(CacheScope scope)
    {
        var answer = await Guard.RunAsync(static state => CurrentAsync(state.provider, state.scope), (provider, scope), timeout).ConfigureAwait(false);
        return answer.Succeeded ? answer.Value : null;
    }

    /// <summary>The key with an id; it may be known not to exist.</summary>
    public ValueTask<Answer<CacheEncryptionKey?>> FindAsync(CacheScope scope, string id) =>
        Guard.RunAsync(static state => FindAsync(state.provider, state.scope, state.id), (provider, scope, id), timeout);

    // A provider that gives nothing, or what it has thrown away, is one that fails.
    private static async Task<CacheEncryptionKey> CurrentAsync(ICacheKeyProvider provider, CacheScope scope)
    {
        var key = await provider.GetCurrentKeyAsync(scope, CancellationToken.None).ConfigureAwait(false)
            ?? throw new InvalidOperationException($"{provider.GetType()} gave null for the current key. To leave values of a namespace unencrypted set NamespaceOptions.Encrypt to false.");
        key.ThrowIfDisposed();
        return key;
    }

    private static async Task<CacheEncryptionKey?> FindAsync(ICacheKeyProvider provider, CacheScope scope, string id)
    {
        var key = await provider.FindKeyAsync(scope, id, CancellationToken.None).ConfigureAwait(false);
        key?.ThrowIfDisposed();
        return key;
    }
}
