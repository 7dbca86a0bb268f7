using System.Collections.Concurrent;
using System.Globalization;
using Larder.Consistency.Nodes;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Consistency.Checking;

/// <summary>
/// Writers that overwrite, remove, invalidate and let expire entries whose memberships change, on two nodes at once, while readers look them up by index.
/// Each value says what it belongs to, so whatever an index gives can be judged at once, and at the end, when nobody writes, each index must give
/// exactly the entries that are alive and say that they belong to it.
/// </summary>
/// <param name="server">Where the nodes share entries; null for one node on memory alone.</param>
internal sealed class IndexSoak(ITestServer? server)
{
    private static readonly TimeSpan Brief = TimeSpan.FromMilliseconds(400);

    public int Writers { get; init; } = 8;

    public int Readers { get; init; } = 2;

    public int Entries { get; init; } = 10_000;

    public int Users { get; init; } = 200;

    public int Devices { get; init; } = 20;

    public int Seed { get; init; } = 1;

    public async Task<IndexVerdict> RunAsync(TimeSpan duration)
    {
        var verdict = new IndexVerdict();
        await using var one = Start();
        await using var two = server is null ? null : Start();
        HybridCache[] caches = two is null ? [Cache(one)] : [Cache(one), Cache(two)];
        await Task.WhenAll(one.ReadyAsync(), two?.ReadyAsync() ?? Task.CompletedTask);
        using var over = new CancellationTokenSource(duration);
        var work = Enumerable.Range(0, Writers).Select(writer => Task.Run(() => WriteAsync(caches[writer % caches.Length], new Random(Seed + writer), verdict, over.Token)))
            .Concat(Enumerable.Range(0, Readers).Select(reader => Task.Run(() => ReadAsync(caches[reader % caches.Length], new Random(Seed - 1 - reader), verdict, over.Token))));
        await Task.WhenAll(work);

        // What was given a short life has ended then; the clocks of the nodes and of the server are one.
        await Task.Delay(Brief * 2);
        if (server is null)
        {
            await JudgeAsync(caches[0], verdict);
            return verdict;
        }

        // One that holds nothing in memory.
        await using var fresh = Start();
        await JudgeAsync(Cache(fresh), verdict);
        return verdict;
    }

    private PlainNode Start() => new(server?.ConnectionString, options =>
    {
        options.MaximumMemoryEntries = Entries * 2;

        // What is asked here is what an index says, not how long it may take on a busy machine.
        options.SecondLevelTimeout = TimeSpan.FromSeconds(10);
    });

    private static HybridCache Cache(PlainNode node) => node.Cache.InScope(CacheScope.Raw.WithTenant("acme"));

    private async Task WriteAsync(HybridCache cache, Random random, IndexVerdict verdict, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            var key = Key(random.Next(Entries));
            switch (random.Next(100))
            {
                case < 55:
                    var belongs = Choose(random);
                    await cache.SetAsync(key, Describe(belongs), belongs, tags: [Tag(random)], cancellationToken: CancellationToken.None);
                    break;
                case < 70:
                    var brief = Choose(random);
                    await cache.SetAsync(key, Describe(brief), brief, new HybridCacheEntryOptions { Expiration = Brief }, cancellationToken: CancellationToken.None);
                    break;
                case < 75:
                    await cache.SetAsync(key, Describe([]), cancellationToken: CancellationToken.None);
                    break;
                case < 80:
                    await cache.GetOrCreateAsync(key, (entry, _) =>
                    {
                        var loaded = Choose(random);
                        foreach (var index in loaded)
                        {
                            entry.Indexes.Add(index);
                        }

                        return new ValueTask<string>(Describe(loaded));
                    }, cancellationToken: CancellationToken.None);
                    break;
                case < 99:
                    await cache.RemoveAsync(key, CancellationToken.None);
                    break;
                case 99 when random.Next(20) == 0:
                    await cache.RemoveByTagAsync(Tag(random), CancellationToken.None);
                    break;
                default:
                    verdict.Removed(await cache.RemoveByIndexAsync(User(random.Next(Users)), CancellationToken.None));
                    break;
            }

            if (verdict.Wrote() % 64 == 0)
            {
                // In memory nothing else would let the readers run.
                await Task.Yield();
            }
        }
    }

    private async Task ReadAsync(HybridCache cache, Random random, IndexVerdict verdict, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            CacheIndex[] wanted = random.Next(2) == 0 ? [User(random.Next(Users))] : [User(random.Next(Users)), Device(random.Next(Devices))];
            await foreach (var (key, value) in cache.GetByIndexAsync<string>(wanted, CancellationToken.None))
            {
                verdict.Read();
                if (!Array.TrueForAll(wanted, index => Says(value, index)))
                {
                    verdict.Violation($"{string.Join(" and ", wanted)} gave '{key}', which says '{value}'.");
                }
            }
        }
    }

    private async Task JudgeAsync(HybridCache cache, IndexVerdict verdict)
    {
        var alive = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        await Parallel.ForEachAsync(Enumerable.Range(0, Entries).Select(Key), async (key, _) =>
        {
            if (await cache.TryGetAsync<string>(key, CancellationToken.None) is { IsFound: true, Value: { } value })
            {
                alive[key] = value;
            }
        });
        verdict.Alive = alive.Count;
        foreach (var index in Enumerable.Range(0, Users).Select(User).Concat(Enumerable.Range(0, Devices).Select(Device)))
        {
            var expected = alive.Where(entry => Says(entry.Value, index)).Select(entry => entry.Key).ToHashSet(StringComparer.Ordinal);
            var actual = new HashSet<string>(StringComparer.Ordinal);
            await foreach (var key in cache.GetKeysByIndexAsync(index))
            {
                if (!actual.Add(key))
                {
                    verdict.Violation($"{index} gave '{key}' twice.");
                }
            }

            verdict.Memberships += expected.Count;
            foreach (var missing in expected.Except(actual))
            {
                verdict.Violation($"{index} does not give '{missing}', which says '{alive[missing]}'.");
            }

            foreach (var wrong in actual.Except(expected))
            {
                verdict.Violation($"{index} gives '{wrong}', which {(alive.TryGetValue(wrong, out var value) ? $"says '{value}'" : "is not alive")}.");
            }
        }
    }

    private CacheIndex[] Choose(Random random) => random.Next(4) switch
    {
        0 => [User(random.Next(Users))],
        1 => [User(random.Next(Users)), Device(random.Next(Devices))],
        2 => [User(random.Next(Users)), User(random.Next(Users)), Device(random.Next(Devices))],
        _ => [Device(random.Next(Devices))],
    };

    private static string Key(int number) => string.Create(CultureInfo.InvariantCulture, $"entry:{number}");

    private static string Tag(Random random) => string.Create(CultureInfo.InvariantCulture, $"tag:{random.Next(20)}");

    private static CacheIndex User(int number) => new("user", number.ToString(CultureInfo.InvariantCulture));

    private static CacheIndex Device(int number) => new("device", number.ToString(CultureInfo.InvariantCulture));

    private static string Describe(IEnumerable<CacheIndex> indexes) => ";" + string.Concat(indexes.Select(index => $"{index.Name}={index.Value};"));

    private static bool Says(string? value, CacheIndex index) => value?.Contains($";{index.Name}={index.Value};", StringComparison.Ordinal) == true;
}

/// <summary>What a run of <see cref="IndexSoak"/> found.</summary>
internal sealed class IndexVerdict
{
    private readonly ConcurrentQueue<string> _violations = new();
    private long _writes;
    private long _reads;
    private long _removed;

    public IReadOnlyCollection<string> Violations => _violations;

    public long Writes => _writes;

    /// <summary>Entries that readers were given.</summary>
    public long Reads => _reads;

    /// <summary>Entries that were removed by index.</summary>
    public long RemovedByIndex => _removed;

    /// <summary>Entries at the end.</summary>
    public int Alive { get; set; }

    /// <summary>What they belong to at the end, in all.</summary>
    public int Memberships { get; set; }

    public long Wrote() => Interlocked.Increment(ref _writes);

    public void Read() => Interlocked.Increment(ref _reads);

    public void Removed(long count) => Interlocked.Add(ref _removed, count);

    public void Violation(string text) => _violations.Enqueue(text);
}
