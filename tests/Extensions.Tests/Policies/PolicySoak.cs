using System.Collections.Concurrent;
using System.Globalization;
using Larder.Consistency.Levels;
using Larder.Engine;
using Larder.Hybrid;
using Larder.Tests.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Tests.Policies;

/// <summary>
/// One or two nodes, readers, writers and a source with a version for each key and tag. A value is the list of the versions it was made
/// from, so a reader sees what it is older than.
/// </summary>
internal sealed class PolicySoak(string kind)
{
    private const int Keys = 240;
    private const int Tags = 24;
    private const int Readers = 24;
    private const int Writers = 4;
    private const int Turn = 50;

    // Other nodes are current when they have noticed that they do not hear: BackplaneTimeout, and what a busy machine takes.
    private const int EverywhereAfter = 2_500;

    private readonly long[] _source = new long[Keys + Tags];
    private readonly long[] _everywhere = new long[Keys + Tags];
    private readonly ConcurrentDictionary<string, int> _failures = new(StringComparer.Ordinal);
    private long[][] _acknowledged = [];
    private volatile bool _stop;
    private long _reads;
    private long _changes;
    private long _loads;
    private long _refreshes;
    private long _overage;
    private long _slowestLoad;
    private long _slowestTurn;

    /// <summary>Entries are stored without their tags: the soak must find that out.</summary>
    public bool ForgetsTags { get; init; }

    /// <summary>What was older than an invalidation that had been acknowledged.</summary>
    public ConcurrentQueue<string> Stale { get; } = new();

    /// <summary>Failures that no source is to blame for.</summary>
    public ConcurrentQueue<string> Unexpected { get; } = new();

    public ConcurrentQueue<string> Unobserved { get; } = new();

    public long Refreshes => _refreshes;

    /// <summary>Entries that were still left to one who refreshes them, when nobody did.</summary>
    public int StillRefreshing { get; private set; }

    /// <summary>The longest that a value was served beyond what its policy allows, in milliseconds.</summary>
    public long Overage => _overage;

    /// <summary>How much of that is explained by the machine.</summary>
    public long Slack => 500 + _slowestLoad + (2 * _slowestTurn);

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{_reads} reads, {_changes} changes, {_loads} loads ({_refreshes} in the background), {Stale.Count} stale, at most {_overage} ms beyond its time, failures: {string.Join(", ", _failures.Select(failure => $"{failure.Key} {failure.Value}"))}; slowest load {_slowestLoad} ms, slowest turn of the pool {_slowestTurn} ms");

    public async Task RunAsync(TimeSpan time)
    {
        EventHandler<UnobservedTaskExceptionEventArgs> handler = (_, failed) =>
        {
            if (failed.Exception.ToString().Contains("Larder.Engine", StringComparison.Ordinal))
            {
                Unobserved.Enqueue(failed.Exception.ToString());
            }
        };
        TaskScheduler.UnobservedTaskException += handler;
        var engines = await StartAsync();
        try
        {
            var caches = engines.Select(engine => (HybridCache)new ScopedHybridCache(engine, new CacheScope("soak"))).ToArray();
            _acknowledged = [.. engines.Select(_ => new long[Keys + Tags])];
            var ageing = Task.Run(AgeAsync);
            var readers = Enumerable.Range(0, Readers).Select(i => Task.Run(() => ReadAsync(caches[i % caches.Length], _acknowledged[i % caches.Length], new Random(i)))).ToArray();
            var writers = Enumerable.Range(0, Writers).Select(i => Task.Run(() => WriteAsync(caches[i % caches.Length], _acknowledged[i % caches.Length], new Random(1_000 + i), i))).ToArray();
            await Task.Delay(time);
            _stop = true;
            await Task.WhenAll([.. readers, .. writers, ageing]).WaitAsync(TimeSpan.FromSeconds(30));
            await Poll.UntilAsync(() => engines.All(engine => engine.Flights.Count == 0 && engine.RefreshCount == 0), "all loads have ended");
            StillRefreshing = engines.Sum(engine => engine.Memory.Entries.Count(entry => entry.Terms?.IsRefreshing(engine.Clock.Now) == true));
            for (var i = 0; i < 3; i++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= handler;
            foreach (var engine in engines)
            {
                await engine.DisposeAsync();
            }
        }
    }

    private async Task<CacheEngine[]> StartAsync()
    {
        var (server, bus, store) = (new MemoryServer(), new MemoryBus(), new TestDistributedCache(TimeProvider.System));
        var engines = Enumerable.Range(0, kind is "leases" or "plain" ? 2 : 1).Select(_ => TestEngine.Create(
            kind switch
            {
                "memory" => null,
                "leases" => server.Connect(),
                "plain" => new DistributedSecondLevel(store, "larder:", TimeProvider.System),
                _ => new ForeignSecondLevel(new ForeignHybridCache(TimeProvider.System), null, null, TimeSpan.MaxValue, new EngineClock(TimeProvider.System)),
            },
            kind == "leases" ? bus.Connect() : null,
            options =>
            {
                options.BackplaneTimeout = TimeSpan.FromSeconds(2);
                options.StampAge = TimeSpan.FromMilliseconds(400);
                options.SecondLevelTimeout = TimeSpan.FromSeconds(10);
                options.MaximumBackgroundLoads = 16;
            })).ToArray();
        foreach (var engine in engines)
        {
            await Poll.UntilAsync(() => engine.IsTrusted, "the node hears itself");
        }

        return engines;
    }

    /// <summary>Finds out what by now every node must know, and how busy the machine is.</summary>
    private async Task AgeAsync()
    {
        var past = new Queue<(long At, long[] Acknowledged)>();
        while (!_stop)
        {
            var all = new long[Keys + Tags];
            foreach (var node in _acknowledged)
            {
                for (var i = 0; i < all.Length; i++)
                {
                    all[i] = Math.Max(all[i], Volatile.Read(ref node[i]));
                }
            }

            past.Enqueue((Environment.TickCount64, all));
            while (past.TryPeek(out var oldest) && Environment.TickCount64 - oldest.At > EverywhereAfter)
            {
                past.Dequeue();
                for (var i = 0; i < all.Length; i++)
                {
                    Volatile.Write(ref _everywhere[i], oldest.Acknowledged[i]);
                }
            }

            // A machine that stands still does so while this waits, too.
            var began = Environment.TickCount64;
            await Task.Run(() => { });
            await Task.Delay(Turn);
            Raise(ref _slowestTurn, Environment.TickCount64 - began - Turn);
        }
    }

    private async Task ReadAsync(HybridCache cache, long[] acknowledged, Random random)
    {
        var least = new long[Keys + Tags];
        while (!_stop)
        {
            for (var burst = random.Next(1, 60); burst > 0; burst--)
            {
                for (var i = 0; i < least.Length; i++)
                {
                    least[i] = Math.Max(Volatile.Read(ref acknowledged[i]), Volatile.Read(ref _everywhere[i]));
                }

                await ReadAsync(cache, random.Next(Keys), least, random);
            }

            await Task.Yield();
        }
    }

    private async Task ReadAsync(HybridCache cache, int key, long[] least, Random random)
    {
        // Half of the keys are always read by the same policy, so that their values have an age they may reach.
        var isTimed = IsTimed(key);
        var policy = SoakPolicies.All[!isTimed && random.Next(5) == 0 ? random.Next(SoakPolicies.All.Length) : key % SoakPolicies.All.Length];
        var isReckless = !isTimed && random.Next(10) == 0;
        if (isReckless)
        {
            policy = SoakPolicies.Reckless[Array.IndexOf(SoakPolicies.All, policy)];
        }

        var tags = ForgetsTags ? null : CallerNamesTags(key) ? TagNames(key) : null;
        var began = Environment.TickCount64;
        using var leaving = random.Next(40) == 0 ? new CancellationTokenSource(random.Next(1, 10)) : null;
        try
        {
            var text = key % 2 == 0
                ? await cache.GetOrCreateAsync($"k{key}", (entry, token) => LoadAsync<string>(entry, key, text => text, text => text), policy, tags, leaving?.Token ?? default)
                : (await cache.GetOrCreateAsync($"k{key}", (entry, token) => LoadAsync<Note>(entry, key, text => new Note { Text = text }, note => note.Text), policy, tags, leaving?.Token ?? default))?.Text;
            if (text is not null && !isReckless)
            {
                Judge(text, key, least, began, policy);
            }
        }
        catch (Exception exception) when (exception is IOException or TimeoutException or CacheLoadException)
        {
            _failures.AddOrUpdate(exception.GetType().Name, 1, (_, count) => count + 1);
        }
        catch (OperationCanceledException) when (leaving is { IsCancellationRequested: true })
        {
            // It left.
        }
        catch (Exception exception)
        {
            Unexpected.Enqueue(exception.ToString());
        }

        Interlocked.Increment(ref _reads);
    }

    private void Judge(string text, int key, long[] least, long began, CacheEntryPolicy policy)
    {
        // A write brings the version of its key alone; a load brings all three, and when it read them if that counts.
        var parts = Array.ConvertAll(text.Split(';'), part => long.Parse(part, CultureInfo.InvariantCulture));
        int[] counters = [key, .. TagsOf(key)];
        for (var i = 0; i < Math.Min(parts.Length, counters.Length); i++)
        {
            if (parts[i] < least[counters[i]])
            {
                Stale.Enqueue($"key {key}: {text} was read, and {least[counters[i]]} of {(i == 0 ? "the key" : $"tag {counters[i] - Keys}")} had been acknowledged");
            }
        }

        if (parts.Length == 4)
        {
            var most = policy.Expiration!.Value + Longer(policy.StaleIfError, policy.StaleWhileRevalidate);
            Raise(ref _overage, began - parts[3] - (long)most.TotalMilliseconds);
        }
    }

    private async ValueTask<T> LoadAsync<T>(CacheEntryContext entry, int key, Func<string, T> make, Func<T, string> read)
        where T : class
    {
        var random = Random.Shared;
        Interlocked.Increment(ref _loads);
        if (entry.IsBackground)
        {
            Interlocked.Increment(ref _refreshes);
        }

        await DawdleAsync(25);
        var (first, second) = (TagsOf(key)[0], TagsOf(key)[1]);
        var text = string.Create(CultureInfo.InvariantCulture, $"{Volatile.Read(ref _source[key])};{Volatile.Read(ref _source[first])};{Volatile.Read(ref _source[second])}");
        var began = Environment.TickCount64;
        if (!ForgetsTags && (!CallerNamesTags(key) || key % 3 == 2))
        {
            foreach (var tag in TagNames(key))
            {
                entry.Tags.Add(tag);
            }
        }

        if (!IsTimed(key) && random.Next(5) == 0 && entry.TryGetStale<T>(out var stale) && read(stale) == text)
        {
            await DawdleAsync(15);
            entry.NotModified();
            return null!;
        }

        await DawdleAsync(15);
        var chance = random.Next(60);
        if (chance < 8 || (chance > 30 && FailsOften(key)))
        {
            throw new IOException("down");
        }

        switch (chance)
        {
            case 8:
                entry.Fail("failed");
                break;
            case 9:
                entry.DoNotStore();
                break;
            case 10:
                entry.NotFound(TimeSpan.FromMilliseconds(20));
                return null!;
        }

        entry.ETag = text;
        Raise(ref _slowestLoad, Environment.TickCount64 - began);
        return make(IsTimed(key) ? string.Create(CultureInfo.InvariantCulture, $"{text};{began}") : text);
    }

    private static Task DawdleAsync(int atMost) => Random.Shared.Next(15) == 0 ? Task.Delay(Random.Shared.Next(atMost), CancellationToken.None) : Task.CompletedTask;

    private async Task WriteAsync(HybridCache cache, long[] acknowledged, Random random, int writer)
    {
        while (!_stop)
        {
            var chance = random.Next(100);
            if (chance < 70)
            {
                // Each key has one writer, so its changes have one order.
                var key = (random.Next(Keys / Writers) * Writers) + writer;
                var version = Interlocked.Increment(ref _source[key]);
                await ChangeAsync(cache, key, chance < 40 ? null : version.ToString(CultureInfo.InvariantCulture));
                if (kind != "plain")
                {
                    // Without leases a load in flight on another node may undo the removal of a key: that is not promised.
                    Raise(ref acknowledged[key], version);
                }
            }
            else
            {
                var tag = Keys + random.Next(Tags);
                var version = Interlocked.Increment(ref _source[tag]);
                await cache.RemoveByTagAsync(TagName(tag));
                Raise(ref acknowledged[tag], version);
            }

            Interlocked.Increment(ref _changes);
            await Task.Delay(random.Next(25));
        }
    }

    private static ValueTask ChangeAsync(HybridCache cache, int key, string? text) =>
        text is null ? cache.RemoveAsync($"k{key}")
        : key % 2 == 0 ? cache.SetAsync($"k{key}", text, tags: TagNames(key))
        : cache.SetAsync($"k{key}", new Note { Text = text }, tags: TagNames(key));

    // Of one key in three only the factory names the tags, and of as many both do.
    private static bool CallerNamesTags(int key) => key % 3 != 1;

    private static bool FailsOften(int key) => key % 6 == 1;

    private static bool IsTimed(int key) => key % 4 < 2;

    private static int[] TagsOf(int key) => [Keys + (key % Tags), Keys + (key / Tags % Tags)];

    private static string[] TagNames(int key) => Array.ConvertAll(TagsOf(key), TagName);

    private static string TagName(int tag) => $"t{tag}";

    private static TimeSpan Longer(TimeSpan? one, TimeSpan? other) => (one ?? default) > (other ?? default) ? one ?? default : other ?? default;

    private static void Raise(ref long target, long value)
    {
        long seen;
        while ((seen = Volatile.Read(ref target)) < value && Interlocked.CompareExchange(ref target, value, seen) != seen)
        {
            // Someone else has raised it meanwhile.
        }
    }
}
