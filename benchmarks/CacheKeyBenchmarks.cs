using BenchmarkDotNet.Attributes;

namespace Larder.Benchmarks;

/// <summary>What it costs to make a key from a value, against the interpolated text one would write by hand.</summary>
[MemoryDiagnoser]
public class CacheKeyBenchmarks
{
    private readonly Dictionary<string, int> _entries = Enumerable.Range(0, 10).ToDictionary(i => $"filter{i}", i => i);
    private readonly string _long = new('x', 1_000);
    private int _id = 42;

    [Benchmark(Baseline = true, Description = "by hand: interpolated text")]
    public string ByHand() => $"user:{_id}";

    [Benchmark(Description = "tuple of text and number")]
    public string Tuple() => CacheKey.From(("user", _id));

    [Benchmark(Description = "two parts, no reflection")]
    public string Parts() => CacheKey.FromParts("user", _id);

    [Benchmark(Description = "anonymous type, two properties")]
    public string Anonymous() => CacheKey.From(new { Kind = "user", Id = _id });

    [Benchmark(Description = "dictionary of ten")]
    public string Map() => CacheKey.From(_entries);

    [Benchmark(Description = "text of 1,000 characters, hashed")]
    public string Hashed() => CacheKey.From(_long);
}
