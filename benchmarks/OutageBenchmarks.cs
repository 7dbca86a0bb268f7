using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Benchmarks;

/// <summary>
/// A miss while the second level is away and its breaker open, beside the same miss in memory only: what an outage costs a call
/// besides its factory. The call looks past memory and stores there.
/// </summary>
/// <remarks>Once a second the breaker lets one call through, which fails at once; that is part of the mean.</remarks>
[MemoryDiagnoser]
public class OutageBenchmarks
{
    private const string Key = "catalogue:product:details:1234567890:en-GB:";
    private static readonly CacheScope Acme = new("acme", "web", "catalogue");
    private static readonly HybridCacheEntryOptions PastMemory = new() { Flags = HybridCacheEntryFlags.DisableLocalCacheRead };

    private ServiceProvider _memory = null!;
    private ServiceProvider _away = null!;
    private HybridCache _memoryOnly = null!;
    private HybridCache _breakerOpen = null!;

    [GlobalSetup]
    public async Task SetUpAsync()
    {
        _memory = new ServiceCollection().AddLarder().Services.BuildServiceProvider();
        _memoryOnly = _memory.GetRequiredService<HybridCache>().InScope(Acme);
        var services = new ServiceCollection();
        services.AddSingleton<IDistributedCache, AwayCache>();
        _away = services.AddLarder().Services.BuildServiceProvider();
        _breakerOpen = _away.GetRequiredService<HybridCache>().InScope(Acme);
        for (var i = 0; i < 10; i++)
        {
            await MissAsync(_breakerOpen);
        }
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        _memory.Dispose();
        _away.Dispose();
    }

    [Benchmark(Baseline = true, Description = "miss, memory only")]
    public ValueTask<string> MemoryOnly() => MissAsync(_memoryOnly);

    [Benchmark(Description = "miss, breaker open")]
    public ValueTask<string> BreakerOpen() => MissAsync(_breakerOpen);

    private static ValueTask<string> MissAsync(HybridCache cache) => cache.GetOrCreateAsync(Key, 0, static (_, _) => new ValueTask<string>("loaded"), PastMemory);

    private sealed class AwayCache : IDistributedCache
    {
        public byte[]? Get(string key) => throw new IOException("away");

        public Task<byte[]?> GetAsync(string key, CancellationToken token = default) => Task.FromException<byte[]?>(new IOException("away"));

        public void Set(string key, byte[] value, DistributedCacheEntryOptions options) => Get(key);

        public Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default) => GetAsync(key, token);

        public void Refresh(string key) => Get(key);

        public Task RefreshAsync(string key, CancellationToken token = default) => GetAsync(key, token);

        public void Remove(string key) => Get(key);

        public Task RemoveAsync(string key, CancellationToken token = default) => GetAsync(key, token);
    }
}
