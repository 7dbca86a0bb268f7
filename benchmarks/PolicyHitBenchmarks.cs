using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Benchmarks;

/// <summary>What policies cost a hit: none, some that are not due, a refresh under way, a stale value that stands in, a sliding expiration.</summary>
[MemoryDiagnoser]
public class PolicyHitBenchmarks
{
    private static readonly CacheScope Acme = new("acme", "web", "catalogue");
    private readonly TaskCompletionSource<string> _never = new();
    private ServiceProvider _services = null!;
    private HybridCache _cache = null!;

    // Not every toolchain waits for a setup that is asynchronous.
    [GlobalSetup]
    public void SetUp() => SetUpAsync().GetAwaiter().GetResult();

    private async Task SetUpAsync()
    {
        _services = new ServiceCollection().AddLarder().Services.BuildServiceProvider();
        _cache = _services.GetRequiredService<HybridCache>().InScope(Acme);
        await LoadAsync("plain", new CacheEntryPolicy { Expiration = TimeSpan.FromHours(1) });
        await LoadAsync("policies", new CacheEntryPolicy { Expiration = TimeSpan.FromHours(1), EarlyRefreshThreshold = 0.9, StaleIfError = TimeSpan.FromHours(1), StaleWhileRevalidate = TimeSpan.FromHours(1) });
        await LoadAsync("sliding", new CacheEntryPolicy { Expiration = TimeSpan.FromHours(1), SlidingExpiration = TimeSpan.FromMinutes(10) });

        // Expired, and its load does not end while the benchmark runs.
        var revalidated = new CacheEntryPolicy { Expiration = TimeSpan.FromMilliseconds(1), StaleWhileRevalidate = TimeSpan.FromHours(1) };
        await LoadAsync("refreshing", revalidated);
        await Task.Delay(50);
        await _cache.GetOrCreateAsync("refreshing", (_, _) => new ValueTask<string>(_never.Task), revalidated);

        // Expired, and its load has just failed.
        var failed = new CacheEntryPolicy { Expiration = TimeSpan.FromMilliseconds(1), StaleIfError = TimeSpan.FromHours(1), StaleIfErrorThrottle = TimeSpan.FromHours(1) };
        await LoadAsync("stands in", failed);
        await Task.Delay(50);
        await _cache.GetOrCreateAsync<string>("stands in", (_, _) => throw new IOException("down"), failed);
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        _never.TrySetResult("late");
        _services.Dispose();
    }

    [Benchmark(Baseline = true, Description = "no policy")]
    public ValueTask<string> Plain() => ReadAsync("plain");

    [Benchmark(Description = "policies that are not due")]
    public ValueTask<string> NotDue() => ReadAsync("policies");

    [Benchmark(Description = "stale, while it is loaded in the background")]
    public ValueTask<string> Refreshing() => ReadAsync("refreshing");

    [Benchmark(Description = "stale, after a failed load")]
    public ValueTask<string> StandsIn() => ReadAsync("stands in");

    [Benchmark(Description = "sliding expiration")]
    public ValueTask<string> Sliding() => ReadAsync("sliding");

    private ValueTask<string> ReadAsync(string key) => _cache.GetOrCreateAsync<int, string>(key, 0, static (_, _) => throw new InvalidOperationException("It is in memory."));

    private async Task LoadAsync(string key, CacheEntryPolicy policy) => await _cache.GetOrCreateAsync(key, (_, _) => new ValueTask<string>("value"), policy);
}
