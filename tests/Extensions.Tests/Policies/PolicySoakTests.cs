#pragma warning disable
using System.Collections.Concurrent;
using System.Diagnostics;
using Larder.Consistency.Levels;
using Larder.Diagnostics;
using Larder.Engine;
using Larder.Hybrid;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using Xunit.Abstractions;

namespace Larder.Tests.Policies;

/// <summary>All policies on, factories that fail and dawdle, invalidations at random: is anything served that is older than an acknowledged invalidation?</summary>
public sealed class PolicySoakTests(ITestOutputHelper output)
{
    private const int Keys = 240;
    private const int Tags = 24;
    private static readonly int Seconds = int.Parse(Environment.GetEnvironmentVariable("LARDER_SOAK_SECONDS") ?? "20");

    /// <summary>"": what must hold. "invalidated", "mixed": runs that must find something. "age": also the documented windows.</summary>
    private static readonly int Slack = int.Parse(Environment.GetEnvironmentVariable("LARDER_SOAK_SLACK") ?? "300");
    private static readonly string Mode = Environment.GetEnvironmentVariable("LARDER_SOAK_MODE") ?? "";

    public sealed class Box { public string Text { get; set; } = ""; }

    private readonly long[] _source = new long[Keys + Tags];
    private readonly ConcurrentQueue<string> _wrong = new();
    private readonly ConcurrentDictionary<string, int> _thrown = new();
    private long _reads, _changes, _loads, _refreshes, _slow, _stale;
    private volatile bool _stop;

    [Theory]
    [InlineData("memory")]
    [InlineData("leases")]
    [InlineData("plain")]
    [InlineData("foreign")]
    public async Task Soak(string kind)
    {
        var (server, bus) = (new MemoryServer(), new MemoryBus());
        var store = new TestDistributedCache(TimeProvider.System);
        var count = kind is "leases" or "plain" ? 2 : 1;
        var engines = Enumerable.Range(0, count).Select(_ => new CacheEngine(
            new LarderOptions { BackplaneTimeout = TimeSpan.FromSeconds(2), StampAge = TimeSpan.FromMilliseconds(400), SecondLevelTimeout = TimeSpan.FromSeconds(10), MaximumBackgroundLoads = 16 },
            TimeProvider.System,
            new Serializers(new ServiceCollection().BuildServiceProvider()),
            kind switch
            {
                "memory" => null,
                "leases" => server.Connect(),
                "plain" => new DistributedSecondLevel(store, "larder:", TimeProvider.System),
                _ => new ForeignSecondLevel(new ForeignHybridCache(TimeProvider.System), null, null, TimeSpan.MaxValue, new EngineClock(TimeProvider.System)),
            },
            kind == "leases" ? bus.Connect() : null,
            new LarderMetrics(null),
            NullLogger.Instance)).ToArray();
        foreach (var engine in engines)
        {
            await Poll.UntilAsync(() => engine.IsTrusted, "trusted");
        }

        var unobserved = 0;
        EventHandler<UnobservedTaskExceptionEventArgs> handler = (_, e) => { if (e.Exception.ToString().Contains("Larder.Engine")) { Interlocked.Increment(ref unobserved); _thrown.AddOrUpdate("UNOBSERVED " + e.Exception.InnerException?.GetType().Name, 1, (_, n) => n + 1); } };
        TaskScheduler.UnobservedTaskException += handler;
        var scope = new CacheScope("soak");
        var caches = engines.Select(e => (HybridCache)new ScopedHybridCache(e, scope)).ToArray();
        var acked = engines.Select(_ => new long[Keys + Tags]).ToArray();
        var everywhere = new long[Keys + Tags];
        var aging = Task.Run(async () =>
        {
            var queue = new Queue<(long At, long[] Acked)>();
            while (!_stop)
            {
                var all = new long[Keys + Tags];
                foreach (var one in acked) for (var i = 0; i < all.Length; i++) all[i] = Math.Max(all[i], Volatile.Read(ref one[i]));
                queue.Enqueue((Environment.TickCount64, all));
                while (queue.TryPeek(out var oldest) && Environment.TickCount64 - oldest.At > 2500)
                {
                    queue.Dequeue();
                    for (var i = 0; i < all.Length; i++) Volatile.Write(ref everywhere[i], oldest.Acked[i]);
                }

                var turn = Environment.TickCount64;
                await Task.Run(() => { });
                InterlockedMax(ref _slowestTurn, Environment.TickCount64 - turn);
                await Task.Delay(50);
            }
        });
        var readers = Enumerable.Range(0, 24).Select(i => Task.Run(() => ReadAsync(caches[i % count], acked[i % count], everywhere, new Random(i), i))).ToArray();
        var writers = Enumerable.Range(0, 4).Select(i => Task.Run(() => WriteAsync(caches[i % count], acked[i % count], new Random(1000 + i), i, kind))).ToArray();
        await Task.Delay(TimeSpan.FromSeconds(Seconds));
        _stop = true;
        await Task.WhenAll([.. readers, .. writers, aging]).WaitAsync(TimeSpan.FromSeconds(30));
        await Poll.UntilAsync(() => engines.All(e => e.Flights.Count == 0 && e.RefreshCount == 0), "all loads have ended");
        for (var i = 0; i < 3; i++) { GC.Collect(); GC.WaitForPendingFinalizers(); }
        TaskScheduler.UnobservedTaskException -= handler;
        var claimed = engines.Sum(e => e.Memory.Entries.Count(entry => entry.Terms is { } t && (long)typeof(EntryTerms).GetField("_refreshUntil", System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Instance)!.GetValue(t)! > 0));
        output.WriteLine($"{kind}: reads {_reads}, changes {_changes}, loads {_loads} ({_refreshes} in the background), wrong {_wrong.Count}, slow {_slow}, claimed at the end {claimed}, slowest load {_slowestLoad} ms, slowest turn of the pool {_slowestTurn} ms, unobserved {unobserved}");
        foreach (var (name, times) in _thrown) output.WriteLine($"  {times} × {name}");
        foreach (var wrong in _wrong.Take(12)) output.WriteLine("  " + wrong);
        foreach (var engine in engines) await engine.DisposeAsync();
        Assert.Empty(_wrong);
        Assert.Equal(0, claimed);
        Assert.Equal(0, unobserved);
        Assert.DoesNotContain(_thrown.Keys, k => k.StartsWith("BAD"));
    }

    private static int[] TagsOf(int key) => [Keys + (key % Tags), Keys + ((key / Tags) % Tags)];

    private static readonly CacheEntryPolicy[] Policies =
    [
        new() { Expiration = TimeSpan.FromMilliseconds(60), StaleWhileRevalidate = TimeSpan.FromMilliseconds(60), StaleIfError = TimeSpan.FromMilliseconds(400), EarlyRefreshThreshold = 0.5, StaleIfErrorThrottle = TimeSpan.FromMilliseconds(10), SoftTimeout = TimeSpan.FromMilliseconds(3), HardTimeout = TimeSpan.FromMilliseconds(60) },
        new() { Expiration = TimeSpan.FromMilliseconds(200), StaleWhileRevalidate = TimeSpan.FromMilliseconds(200), StaleIfError = TimeSpan.FromSeconds(2), EarlyRefreshThreshold = 0.5, StaleIfErrorThrottle = TimeSpan.FromMilliseconds(30), SoftTimeout = TimeSpan.FromMilliseconds(8) },
        new() { Expiration = TimeSpan.FromMilliseconds(500), LocalCacheExpiration = TimeSpan.FromMilliseconds(50), StaleWhileRevalidate = TimeSpan.FromMilliseconds(500), StaleIfError = TimeSpan.FromSeconds(2), EarlyRefreshThreshold = 0.2, StaleIfErrorThrottle = TimeSpan.FromMilliseconds(20) },
        new() { Expiration = TimeSpan.FromMilliseconds(800), SlidingExpiration = TimeSpan.FromMilliseconds(100), StaleWhileRevalidate = TimeSpan.FromMilliseconds(100), StaleIfError = TimeSpan.FromMilliseconds(400), EarlyRefreshBefore = TimeSpan.FromMilliseconds(700), StaleIfErrorThrottle = TimeSpan.FromMilliseconds(20), HardTimeout = TimeSpan.FromMilliseconds(100) },
        new() { Expiration = TimeSpan.FromSeconds(20), StaleIfError = TimeSpan.FromSeconds(20), EarlyRefreshThreshold = 0.01, StaleIfErrorThrottle = TimeSpan.FromMilliseconds(20), SoftTimeout = TimeSpan.FromMilliseconds(1) },
    ];

    private static readonly CacheEntryPolicy RefreshOnly = new() { Expiration = TimeSpan.FromMilliseconds(60), StaleWhileRevalidate = TimeSpan.FromMilliseconds(60), EarlyRefreshThreshold = 0.5, StaleIfErrorThrottle = TimeSpan.FromMilliseconds(10) };

    private static readonly CacheEntryPolicy[] Reckless = [.. Policies.Select(p => new CacheEntryPolicy
    {
        Expiration = p.Expiration, LocalCacheExpiration = p.LocalCacheExpiration, SlidingExpiration = p.SlidingExpiration, StaleWhileRevalidate = p.StaleWhileRevalidate, StaleIfError = p.StaleIfError,
        EarlyRefreshThreshold = p.EarlyRefreshThreshold, EarlyRefreshBefore = p.EarlyRefreshBefore, StaleIfErrorThrottle = p.StaleIfErrorThrottle, SoftTimeout = p.SoftTimeout, HardTimeout = p.HardTimeout,
        StaleIfErrorServes = StaleValues.Invalidated,
    })];

    private async Task ReadAsync(HybridCache cache, long[] acked, long[] everywhere, Random random, int reader)
    {
        var least = new long[Keys + Tags];
        while (!_stop)
        {
            for (var burst = random.Next(1, 60); burst > 0; burst--)
            {
                var key = random.Next(Keys);
                for (var i = 0; i < least.Length; i++) least[i] = Math.Max(Volatile.Read(ref acked[i]), Volatile.Read(ref everywhere[i]));
                var policy = Policies[Mode != "age" && random.Next(10) == 0 ? random.Next(Policies.Length) : key % Policies.Length];
                if (Mode == "invalidated" && random.Next(2) == 0) policy = Reckless[Array.IndexOf(Policies, policy)];
                if (Mode == "late-refresh-only") policy = RefreshOnly;
                var names = key % 3 == 1 || Mode.StartsWith("late") || (Mode == "mixed" && random.Next(2) == 0) ? null : TagsOf(key).Select(t => $"t{t}").ToArray();
                var began = Environment.TickCount64;
                using var leave = random.Next(40) == 0 ? new CancellationTokenSource(random.Next(1, 10)) : null;
                try
                {
                    string? text;
                    if (key % 2 == 0)
                        text = await cache.GetOrCreateAsync($"k{key}", (c, t) => LoadAsync<string>(c, key, s => s, s => s), policy, names, leave?.Token ?? default);
                    else
                        text = (await cache.GetOrCreateAsync($"k{key}", (c, t) => LoadAsync<Box>(c, key, s => new Box { Text = s }, s => s.Text), policy, names, leave?.Token ?? default))?.Text;
                    if (Mode != "invalidated" || policy.StaleIfErrorServes is null) Check(text, key, least, reader);
                    if (Mode == "age" && text?.Split(';') is { Length: 4 } parts && began - long.Parse(parts[3]) is var age && policy.Expiration!.Value + (policy.StaleIfError > policy.StaleWhileRevalidate ? policy.StaleIfError : policy.StaleWhileRevalidate) is { } most && age > most.TotalMilliseconds + Slack)
                        _wrong.Enqueue($"reader {reader} key {key}: {age} ms old, may be {most.TotalMilliseconds}");
                }
                catch (Exception e) when (e is IOException or TimeoutException or CacheLoadException)
                {
                    _thrown.AddOrUpdate(e.GetType().Name, 1, (_, n) => n + 1);
                }
                catch (OperationCanceledException) when (leave is { IsCancellationRequested: true }) { }
                catch (Exception e)
                {
                    _thrown.AddOrUpdate("BAD " + e.GetType().Name + ": " + e.Message + e.StackTrace?.Split('\n').FirstOrDefault(), 1, (_, n) => n + 1);
                }

                if (policy.HardTimeout is { } hard && Environment.TickCount64 - began > hard.TotalMilliseconds + 1500) Interlocked.Increment(ref _slow);
                Interlocked.Increment(ref _reads);
            }

            await Task.Yield();
        }
    }

    private void Check(string? text, int key, long[] least, int reader)
    {
        if (text is null) return;
        var parts = text.Split(';');
        if (long.Parse(parts[0]) < least[key]) _wrong.Enqueue($"reader {reader} key {key}: saw {text}, key acknowledged {least[key]}");
        if (parts.Length == 1) return;
        var tags = TagsOf(key);
        for (var i = 0; i < 2; i++)
            if (long.Parse(parts[i + 1]) < least[tags[i]]) _wrong.Enqueue($"reader {reader} key {key}: saw {text}, tag {tags[i]} acknowledged {least[tags[i]]}");
    }

    private async ValueTask<T> LoadAsync<T>(CacheEntryContext context, int key, Func<string, T> make, Func<T, string> read) where T : class
    {
        var random = Random.Shared;
        Interlocked.Increment(ref _loads);
        if (context.IsBackground) Interlocked.Increment(ref _refreshes);
        var (before, after) = (random.Next(15) == 0 ? random.Next(25) : 0, random.Next(15) == 0 ? random.Next(15) : 0);
        if (before > 0) await Task.Delay(before);
        var tags = TagsOf(key);
        var text = $"{Volatile.Read(ref _source[key])};{Volatile.Read(ref _source[tags[0]])};{Volatile.Read(ref _source[tags[1]])}" + (Mode == "age" ? $";{Environment.TickCount64}" : "");
        if ((key % 3 != 0 || Mode.StartsWith("late")) && Mode != "mixed") foreach (var tag in tags) context.Tags.Add($"t{tag}");
        if (random.Next(5) == 0 && context.TryGetStale<T>(out var stale) && read(stale) == text)
        {
            if (after > 0) await Task.Delay(after);
            context.NotModified();
            return null!;
        }

        if (after > 0) await Task.Delay(after);
        switch (random.Next(60))
        {
            case < 8: throw new IOException("down");
            case > 30 when Mode == "late": throw new IOException("down");
            case 8: context.Fail("failed"); break;
            case 9: context.DoNotStore(); break;
            case 10: context.NotFound(TimeSpan.FromMilliseconds(20)); return null!;
        }

        if (Mode == "age" && text.Split(';') is [_, _, _, var made]) InterlockedMax(ref _slowestLoad, Environment.TickCount64 - long.Parse(made));
        context.ETag = text;
        return make(text);
    }

    private async Task WriteAsync(HybridCache cache, long[] acked, Random random, int writer, string kind)
    {
        while (!_stop)
        {
            var what = random.Next(100);
            if (what < 70)
            {
                // Each key has one writer, so its changes have one order.
                var key = (random.Next(Keys / 4) * 4) + writer;
                var version = Interlocked.Increment(ref _source[key]);
                if (what < 40) await cache.RemoveAsync($"k{key}");
                else if (key % 2 == 0) await cache.SetAsync($"k{key}", $"{version}", tags: TagsOf(key).Select(t => $"t{t}"));
                else await cache.SetAsync($"k{key}", new Box { Text = $"{version}" }, tags: TagsOf(key).Select(t => $"t{t}"));
                // Without leases a load in flight on another node may undo the removal of a key: not promised.
                if (kind != "plain") Raise(acked, key, version);
            }
            else
            {
                var tag = Keys + random.Next(Tags);
                var version = Interlocked.Increment(ref _source[tag]);
                await cache.RemoveByTagAsync($"t{tag}");
                Raise(acked, tag, version);
            }

            Interlocked.Increment(ref _changes);
            await Task.Delay(random.Next(25));
        }
    }

    private long _slowestLoad, _slowestTurn;

    private static void InterlockedMax(ref long target, long value) { long seen; while ((seen = Volatile.Read(ref target)) < value && Interlocked.CompareExchange(ref target, value, seen) != seen) { } }

    private static void Raise(long[] acked, int counter, long version)
    {
        long seen;
        while ((seen = Volatile.Read(ref acked[counter])) < version && Interlocked.CompareExchange(ref acked[counter], version, seen) != seen) { }
    }
}
