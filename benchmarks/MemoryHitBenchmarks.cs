using System.Collections.Concurrent;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Benchmarks;

/// <summary>
/// A hit in memory: the floor (a bare <see cref="MemoryCache"/> and a bare dictionary), Larder without and with a scope and
/// tags, and Microsoft's <c>HybridCache</c> where its package can be had.
/// </summary>
[MemoryDiagnoser]
public class MemoryHitBenchmarks
{
    private const string Key = "catalogue:product:details:1234567890:en-GB:";
    private static readonly CacheScope Acme = new("acme", "web", "catalogue");

    private readonly ConcurrentDictionary<string, string> _dictionary = new();
    private readonly ConcurrentDictionary<string, string>.AlternateLookup<ReadOnlySpan<char>> _bySpan;
    private readonly MemoryCache _memory = new(new MemoryCacheOptions());
    private readonly int _id = 1234567890;
    private ServiceProvider _services = null!;
    private ServiceProvider _counting = null!;
    private HybridCache _counted = null!;
    private HybridCache _ambient = null!;
    private HybridCache _scoped = null!;

    public MemoryHitBenchmarks()
    {
        _bySpan = _dictionary.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    [GlobalSetup]
    public async Task SetUpAsync()
    {
        _dictionary[Key] = "value";
        _memory.Set(Key, "value");
        _services = new ServiceCollection().AddLarder().Services.BuildServiceProvider();
        _ambient = _services.GetRequiredService<HybridCache>();
        _scoped = _ambient.InScope(Acme);
        _counting = new ServiceCollection().AddLarder(options => options.Statistics = true).Services.BuildServiceProvider();
        _counted = _counting.GetRequiredService<HybridCache>().InScope(Acme);
        await _counted.SetAsync(Key, "value");
        await _ambient.SetAsync(Key, "value");
        await _scoped.SetAsync(Key, "value");
        await _scoped.SetAsync(Key + "1", "value", tags: ["catalogue"]);
        await _scoped.SetAsync(Key + "3", "value", tags: ["catalogue", "product:1234567890", "language:en"]);
#if MICROSOFT
        var microsoft = new ServiceCollection();
        microsoft.AddHybridCache();
        _microsoft = microsoft.BuildServiceProvider().GetRequiredService<HybridCache>();
        await _microsoft.SetAsync(Key, "value");
        await _microsoft.SetAsync(Key + "1", "value", tags: ["catalogue"]);
        await _microsoft.SetAsync(Key + "3", "value", tags: ["catalogue", "product:1234567890", "language:en"]);
#endif
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        _services.Dispose();
        _counting.Dispose();
        _memory.Dispose();
    }

    [Benchmark(Baseline = true, Description = "floor: MemoryCache")]
    public string? FloorMemoryCache() => _memory.TryGetValue(Key, out string? value) ? value : null;

    [Benchmark(Description = "floor: ConcurrentDictionary by span")]
    public string? FloorDictionary() => _bySpan.TryGetValue(Key.AsSpan(), out var value) ? value : null;

    [Benchmark(Description = "Larder, no scope")]
    public ValueTask<string> Plain() => _ambient.GetOrCreateAsync(Key, 0, static (_, _) => new ValueTask<string>("loaded"));

    [Benchmark(Description = "Larder, scope")]
    public ValueTask<string> Scope() => _scoped.GetOrCreateAsync(Key, 0, static (_, _) => new ValueTask<string>("loaded"));

    [Benchmark(Description = "Larder, scope, statistics on")]
    public ValueTask<string> Counted() => _counted.GetOrCreateAsync(Key, 0, static (_, _) => new ValueTask<string>("loaded"));

    [Benchmark(Description = "Larder, scope, 1 tag")]
    public ValueTask<string> OneTag() => _scoped.GetOrCreateAsync(Key + "1", 0, static (_, _) => new ValueTask<string>("loaded"));

    [Benchmark(Description = "Larder, scope, 3 tags")]
    public ValueTask<string> ThreeTags() => _scoped.GetOrCreateAsync(Key + "3", 0, static (_, _) => new ValueTask<string>("loaded"));

    [Benchmark(Description = "Larder, scope, key as span")]
    public ValueTask<string> Span() => _scoped.GetOrCreateAsync(Key.AsSpan(), 0, static (_, _) => new ValueTask<string>("loaded"));

    [Benchmark(Description = "Larder, scope, key interpolated")]
    public ValueTask<string> Interpolated() =>
        _scoped.GetOrCreateAsync($"catalogue:product:details:{_id}:en-GB:", static _ => new ValueTask<string>("loaded"));

#if MICROSOFT
    private HybridCache _microsoft = null!;

    [Benchmark(Description = "Microsoft")]
    public ValueTask<string> MicrosoftPlain() => _microsoft.GetOrCreateAsync(Key, 0, static (_, _) => new ValueTask<string>("loaded"));

    [Benchmark(Description = "Microsoft, 1 tag")]
    public ValueTask<string> MicrosoftOneTag() => _microsoft.GetOrCreateAsync(Key + "1", 0, static (_, _) => new ValueTask<string>("loaded"));

    [Benchmark(Description = "Microsoft, 3 tags")]
    public ValueTask<string> MicrosoftThreeTags() => _microsoft.GetOrCreateAsync(Key + "3", 0, static (_, _) => new ValueTask<string>("loaded"));

    [Benchmark(Description = "Microsoft, key interpolated")]
    public ValueTask<string> MicrosoftInterpolated() =>
        _microsoft.GetOrCreateAsync($"catalogue:product:details:{_id}:en-GB:", static _ => new ValueTask<string>("loaded"));
#endif
}
