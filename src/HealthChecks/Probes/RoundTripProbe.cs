using Larder.Engine;
using Larder.Hybrid;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Health;

/// <summary>Stores a value as an application would and reads it back, from memory and from the second level.</summary>
internal sealed class RoundTripProbe(CacheEngine engine, TimeProvider time) : IHealthProbe
{
    private const HybridCacheEntryFlags MemoryOnly = HybridCacheEntryFlags.DisableDistributedCache | HybridCacheEntryFlags.DisableUnderlyingData;
    private const HybridCacheEntryFlags SecondLevelOnly = HybridCacheEntryFlags.DisableLocalCache | HybridCacheEntryFlags.DisableUnderlyingData;

    private static readonly TimeSpan Expiration = TimeSpan.FromSeconds(30);

    // A key of its own: two writes of one key that overlap would leave memory empty.
    private readonly string _key = "probe:" + Guid.NewGuid().ToString("n");
    private readonly HybridCache _cache = new ScopedHybridCache(engine, CacheScope.Shared("larder-health"));
    private readonly Lock _lock = new();
    private Task<Finding?>? _running;

    public string Name => "roundTrip";

    /// <summary>One at a time, also where the one before was given up; the cache's own timeouts end it.</summary>
    public Task<Finding?> ProbeAsync(ProbeRun run, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return _running = _running is { IsCompleted: false } ? _running : Task.Run(TryAsync, CancellationToken.None);
        }
    }

    public Finding? OnFailure(Exception exception, TimeSpan timeout) => exception is TimeoutException
        ? Finding.Degraded("A value did not come back from the cache in time.") with { Exception = exception }
        : Failed() with { Exception = exception };

    private static Finding Failed() => Finding.Degraded("What is stored does not come back from the second level; memory still serves.");

    private async Task<Finding?> TryAsync()
    {
        var value = Guid.NewGuid().ToString("n");
        var started = time.GetTimestamp();
        await _cache.SetAsync(_key, value, new HybridCacheEntryOptions { Expiration = Expiration, LocalCacheExpiration = Expiration }).ConfigureAwait(false);
        var inMemory = await ReadAsync(MemoryOnly).ConfigureAwait(false) == value;

        // A node that does not hear the others, or a wrapped cache, may rightly not answer from memory alone.
        if (!inMemory && !engine.HasSecondLevel)
        {
            return Finding.Degraded("What is stored does not come back from memory.");
        }

        var finding = !engine.HasSecondLevel || await ReadAsync(SecondLevelOnly).ConfigureAwait(false) == value ? Finding.Healthy() : Failed();
        return finding.With("milliseconds", Math.Round(time.GetElapsedTime(started).TotalMilliseconds, 2)).With("memory", inMemory);
    }

    private ValueTask<string?> ReadAsync(HybridCacheEntryFlags flags) => _cache.GetOrCreateAsync<string?>(
        _key, static _ => ValueTask.FromResult<string?>(null), new HybridCacheEntryOptions { Flags = flags });
}
