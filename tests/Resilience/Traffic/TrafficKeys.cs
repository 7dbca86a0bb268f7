using System.Globalization;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Resilience.Traffic;

/// <summary>The keys of a run. Every second value is text, which is shared; the others are objects, which are serialized.</summary>
internal sealed class TrafficKeys
{
    public const int TagCount = 8;

    private static readonly HybridCacheEntryOptions ColdOptions = new() { Expiration = TimeSpan.FromSeconds(2) };

    private long _cold;

    /// <summary>They expire every one to two seconds.</summary>
    public Key[] Short { get; } = Make("short", 200, i => new Key(Name("short", i), i % 2 == 0, new() { Expiration = TimeSpan.FromMilliseconds(1_000 + (i % 11 * 100)) }));

    /// <summary>A node keeps its copy for 300 ms only, so that there are always hits at the second level.</summary>
    public Key[] Near { get; } = Make("near", 100, i => new Key(Name("near", i), i % 2 == 0, new() { Expiration = TimeSpan.FromSeconds(2), LocalCacheExpiration = TimeSpan.FromMilliseconds(300) }));

    /// <summary>They live for minutes and carry a tag.</summary>
    public Key[] Long { get; } = Make("long", 100, i => new Key(Name("long", i), i % 2 == 0, new() { Expiration = TimeSpan.FromMinutes(5) }, [Tag(i % TagCount)]));

    /// <summary>Texts of five million characters.</summary>
    public Key[] Large { get; } = Make("large", 4, i => new Key(Name("large", i), true, new() { Expiration = TimeSpan.FromSeconds(3), LocalCacheExpiration = TimeSpan.FromSeconds(1) }));

    public int LongKeysPerTag => (Long.Length + TagCount - 1) / TagCount;

    public static string Tag(int number) => Name("tag", number);

    /// <summary>One that nobody has asked for before.</summary>
    public Key Cold()
    {
        var number = Interlocked.Increment(ref _cold);
        return new Key(string.Create(CultureInfo.InvariantCulture, $"cold:{number}"), number % 2 == 0, ColdOptions);
    }

    private static string Name(string kind, int number) => string.Create(CultureInfo.InvariantCulture, $"{kind}:{number}");

    private static Key[] Make(string kind, int count, Func<int, Key> make) => [.. Enumerable.Range(0, count).Select(make)];
}
