using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Benchmarks;

/// <summary>
/// A miss in memory with a factory that answers at once: what the cache itself costs. Each operation removes the key and
/// reads it, and the removal is measured alone to be subtracted.
/// </summary>
[MemoryDiagnoser]
public class MissBenchmarks
{
    private const string Key = "catalogue:product:details:1234567890:en-GB:";
    private static readonly CacheScope Acme = new("acme", "web", "catalogue");

    private readonly CancellationTokenSource _request = new();
    private ServiceProvider _services = null!;
    private HybridCache _larder = null!;

    [GlobalSetup]
    public void SetUp()
    {
        _services = new ServiceCollection().AddLarder().Services.BuildServiceProvider();
        _larder = _services.GetRequiredService<HybridCache>().InScope(Acme);
#if MICROSOFT
        var microsoft = new ServiceCollection();
        microsoft.AddHybridCache();
        _microsoft = microsoft.BuildServiceProvider().GetRequiredService<HybridCache>();
#endif
    }

    [GlobalCleanup]
    public void CleanUp() => _services.Dispose();

    [Benchmark(Baseline = true, Description = "Larder, removal alone")]
    public ValueTask Remove() => _larder.RemoveAsync(Key);

    [Benchmark(Description = "Larder, removal and miss")]
    public Task<string> Miss() => MissAsync(_larder, CancellationToken.None);

    [Benchmark(Description = "Larder, removal and miss, cancellable")]
    public Task<string> MissCancellable() => MissAsync(_larder, _request.Token);

    [Benchmark(Description = "Larder, removal and miss, mutable object")]
    public Task<List<int>> MissMutable() => MissMutableAsync(_larder);

#if MICROSOFT
    private HybridCache _microsoft = null!;

    [Benchmark(Description = "Microsoft, removal alone")]
    public ValueTask MicrosoftRemove() => _microsoft.RemoveAsync(Key);

    [Benchmark(Description = "Microsoft, removal and miss")]
    public Task<string> MicrosoftMiss() => MissAsync(_microsoft, CancellationToken.None);

    [Benchmark(Description = "Microsoft, removal and miss, cancellable")]
    public Task<string> MicrosoftMissCancellable() => MissAsync(_microsoft, _request.Token);

    [Benchmark(Description = "Microsoft, removal and miss, mutable object")]
    public Task<List<int>> MicrosoftMissMutable() => MissMutableAsync(_microsoft);
#endif

    private static async Task<string> MissAsync(HybridCache cache, CancellationToken cancellationToken)
    {
        await cache.RemoveAsync(Key, cancellationToken);
        return await cache.GetOrCreateAsync(Key, 0, static (_, _) => new ValueTask<string>("loaded"), cancellationToken: cancellationToken);
    }

    private static async Task<List<int>> MissMutableAsync(HybridCache cache)
    {
        await cache.RemoveAsync(Key);
        return await cache.GetOrCreateAsync(Key, 0, static (_, _) => new ValueTask<List<int>>([1, 2, 3]));
    }
}
