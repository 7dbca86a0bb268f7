namespace Larder.Tests.Encryption;

/// <summary>A key provider that a test holds in its hand.</summary>
internal sealed class TestKeys : ICacheKeyProvider
{
    private int _calls;

    public Func<CacheScope, CacheEncryptionKey> Current { get; set; } = _ => throw new InvalidOperationException("No keys.");

    public Func<CacheScope, string, CacheEncryptionKey?> Find { get; set; } = (_, _) => throw new InvalidOperationException("No keys.");

    /// <summary>When set, it is awaited before each answer.</summary>
    public Task? Delay { get; set; }

    public int Calls => Volatile.Read(ref _calls);

    public async ValueTask<CacheEncryptionKey> GetCurrentKeyAsync(CacheScope scope, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _calls);
        await (Delay ?? Task.CompletedTask);
        return Current(scope);
    }

    public async ValueTask<CacheEncryptionKey?> FindKeyAsync(CacheScope scope, string id, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _calls);
        await (Delay ?? Task.CompletedTask);
        return Find(scope, id);
    }
}
