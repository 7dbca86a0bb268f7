using Larder.Consistency.Levels;
using Larder.Diagnostics;
using Larder.Engine;
using Larder.Hybrid;
using Larder.Tests.Shared;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Larder.Consistency.Checking;

/// <summary>G7: ever new keys, tags and namespaces through one engine, which must come to rest at its bounds.</summary>
internal sealed class Soak
{
    private const int Samples = 10;

    /// <summary>What the process holds after so many keys.</summary>
    internal sealed record Sample(long Keys, long Bytes, int Entries, int Scopes, int LiveTags, int Flights, int Pending, TimeSpan Time);

    public int MemoryEntries { get; init; } = 20_000;

    public bool WithSecondLevel { get; init; } = true;

    /// <summary>
    /// Runs so many keys, each with a tag of its own: half in one namespace, half in one namespace per thousand. Every tenth tag
    /// and key is also removed.
    /// </summary>
    public async Task<List<Sample>> RunAsync(long keys)
    {
        await using var services = new ServiceCollection().BuildServiceProvider();
        using var metrics = new LarderMetrics(null);
        var options = new LarderOptions { MaximumMemoryEntries = MemoryEntries, MaximumPendingInvalidations = 2_000 };
        await using var engine = new CacheEngine(
            options,
            TimeProvider.System,
            new Serializers(services),
            WithSecondLevel ? new ForgetfulLevel() : null,
            WithSecondLevel ? new MemoryBus().Connect() : null,
            metrics,
            NullLogger.Instance);
        await Poll.UntilAsync(() => engine.IsTrusted, "the node hears itself");

        var samples = new List<Sample>();
        var started = System.Diagnostics.Stopwatch.GetTimestamp();
        for (var sample = 0; sample < Samples; sample++)
        {
            var from = keys * sample / Samples;
            var to = keys * (sample + 1) / Samples;
            await Task.WhenAll(RunAsync(engine, from, (from + to) / 2, "one"), RunAsync(engine, (from + to) / 2, to, null));
            samples.Add(Look(engine, to, System.Diagnostics.Stopwatch.GetElapsedTime(started)));
        }

        return samples;
    }

    private static async Task RunAsync(CacheEngine engine, long from, long to, string? name)
    {
        await Task.Yield();
        for (var i = from; i < to;)
        {
            var cache = new ScopedHybridCache(engine, new CacheScope("tenant", null, name ?? $"namespace {i / 1_000}"));
            var end = Math.Min(to, ((i / 1_000) + 1) * 1_000);
            for (; i < end; i++)
            {
                await cache.GetOrCreateAsync($"key {i}", i, static (key, _) => ValueTask.FromResult(key), tags: [$"tag {i}"]);
                if (i % 10 == 0)
                {
                    await cache.RemoveByTagAsync($"tag {i}");
                    await cache.RemoveAsync($"key {i}");
                }
            }
        }
    }

    private static Sample Look(CacheEngine engine, long keys, TimeSpan time)
    {
        // Twice, because the first collection lets go of what the weak tables still named.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var bytes = GC.GetTotalMemory(forceFullCollection: true);
        var tags = engine.Memory.Entries.Select(entry => entry.Scope).Distinct().Sum(scope => scope.Tags().Count());
        return new Sample(keys, bytes, engine.Memory.Count, engine.Groups.ScopeCount, tags, engine.Flights.Count, engine.PendingCount, time);
    }
}
