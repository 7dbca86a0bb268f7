using Microsoft.AspNetCore.OutputCaching;

namespace Larder.Health;

/// <summary>Stores a page in the application's output-cache store, whichever that is, reads it back and evicts it.</summary>
internal sealed class OutputCacheProbe(IOutputCacheStore store, TimeProvider time) : IHealthProbe
{
    private static readonly TimeSpan Expiration = TimeSpan.FromSeconds(30);
    private static readonly CacheScope Scope = CacheScope.Shared("larder-health");

    private readonly string _key = "larder-health:" + Guid.NewGuid().ToString("n");
    private readonly Lock _lock = new();
    private Task<Finding?>? _running;

    public string Name => "outputCache";

    /// <summary>One at a time: a store of somebody else's may take as long as it likes, and even block its caller.</summary>
    public Task<Finding?> ProbeAsync(ProbeRun run, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return _running = _running is { IsCompleted: false } ? _running : Task.Run(TryAsync, CancellationToken.None);
        }
    }

    public Finding? OnFailure(Exception exception, TimeSpan timeout) => Finding.Degraded("The output cache's store fails; pages are computed.") with { Exception = exception };

    private async Task<Finding?> TryAsync()
    {
        using var scope = CacheScope.Use(Scope);
        var page = Guid.NewGuid().ToByteArray();
        var started = time.GetTimestamp();
        await store.SetAsync(_key, page, [_key], Expiration, CancellationToken.None).ConfigureAwait(false);
        var isStored = await store.GetAsync(_key, CancellationToken.None).ConfigureAwait(false) is { } found && found.AsSpan().SequenceEqual(page);
        await store.EvictByTagAsync(_key, CancellationToken.None).ConfigureAwait(false);
        var isGone = await store.GetAsync(_key, CancellationToken.None).ConfigureAwait(false) is null;
        return Finding.Of(unhealthy: null, !isStored ? "A page that is stored does not come back; pages are computed." : !isGone ? "A page that is evicted still comes back." : null)
            .With("milliseconds", Math.Round(time.GetElapsedTime(started).TotalMilliseconds, 2));
    }
}
