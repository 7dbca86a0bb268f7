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
        var answer = await Guard.RunAsync(static state => state.provider.GetCurrentKeyAsync(state.scope, CancellationToken.None).AsTask(), (provider, scope), timeout).ConfigureAwait(false);
        return answer.Succeeded ? answer.Value : null;
    }

    /// <summary>The key with an id; it may be known not to exist.</summary>
    public ValueTask<Answer<CacheEncryptionKey?>> FindAsync(CacheScope scope, string id) =>
        Guard.RunAsync(static state => state.provider.FindKeyAsync(state.scope, state.id, CancellationToken.None).AsTask(), (provider, scope, id), timeout);
}
