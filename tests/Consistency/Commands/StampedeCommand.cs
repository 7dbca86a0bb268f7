using System.Diagnostics;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Consistency.Commands;

/// <summary>
/// A hot key that expires again and again while many callers read it: with early refresh nobody waits for a load. Each call is timed, beside
/// calls for a key that does not expire, turn and turn about.
/// </summary>
internal static class StampedeCommand
{
    private static readonly TimeSpan Load = TimeSpan.FromMilliseconds(50);

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var seconds = arguments.Number("seconds", 10);
        var callers = arguments.Number("callers", 50);
        arguments.End();

        var result = await MeasureAsync(callers, TimeSpan.FromSeconds(seconds));
        var table = new Table("what", "key that does not expire", "key that is refreshed");
        foreach (var share in (double[])[0.5, 0.99, 0.999])
        {
            table.Add($"{share * 100:0.#} % of calls within", $"{result.Plain.At(share):0.00} µs", $"{result.Refreshed.At(share):0.00} µs");
        }

        table.Add("longest", $"{result.Plain.At(1):0} µs", $"{result.Refreshed.At(1):0} µs");
        table.Add("calls", $"{result.Plain.Count}", $"{result.Refreshed.Count}");
        table.Add("loads of 50 ms each", "1", $"{result.Loads}");
        table.Print();
        var ratio = result.Refreshed.At(0.99) / result.Plain.At(0.99);
        Console.WriteLine($"p99 while refreshing is {ratio:0.00} times that of a plain hit.");
        return ratio <= 3 && result.Loads > 1 ? 0 : 1;
    }

    /// <summary>Times calls for both keys.</summary>
    public static async Task<(Histogram Plain, Histogram Refreshed, int Loads)> MeasureAsync(int callers, TimeSpan duration)
    {
        await using var services = new ServiceCollection().AddLarder().Services.BuildServiceProvider();
        var cache = services.GetRequiredService<HybridCache>();
        var loads = 0;
        var refreshed = new CacheEntryPolicy { Expiration = TimeSpan.FromMilliseconds(300), EarlyRefreshThreshold = 0.5, StaleWhileRevalidate = TimeSpan.FromSeconds(10) };
        Func<CacheEntryContext, CancellationToken, ValueTask<string>> load = async (_, token) =>
        {
            Interlocked.Increment(ref loads);
            await Task.Delay(Load, token);
            return "value";
        };
        await cache.GetOrCreateAsync("plain", (_, _) => new ValueTask<string>("value"), new CacheEntryPolicy { Expiration = TimeSpan.FromHours(1) });
        await cache.GetOrCreateAsync("refreshed", load, refreshed);
        var histograms = (Plain: new Histogram(), Refreshed: new Histogram());
        var end = Stopwatch.GetTimestamp() + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        await Task.WhenAll(Enumerable.Range(0, callers).Select(_ => Task.Run(async () =>
        {
            var (plain, fresh) = (new Histogram(), new Histogram());
            while (Stopwatch.GetTimestamp() < end)
            {
                // In short turns, so that all callers get theirs and no phase meets another machine than the other.
                for (var i = 0; i < 1_000; i++)
                {
                    await TimeAsync(plain, () => cache.GetOrCreateAsync("plain", load, null));
                    await TimeAsync(fresh, () => cache.GetOrCreateAsync("refreshed", load, refreshed));
                }

                await Task.Yield();
            }

            lock (histograms.Plain)
            {
                histograms.Plain.Add(plain);
                histograms.Refreshed.Add(fresh);
            }
        })));
        return (histograms.Plain, histograms.Refreshed, loads);
    }

    private static async ValueTask TimeAsync(Histogram histogram, Func<ValueTask<string>> call)
    {
        var began = Stopwatch.GetTimestamp();
        await call();
        histogram.Add(Stopwatch.GetTimestamp() - began);
    }

    /// <summary>Durations in steps of a hundredth of their size.</summary>
    internal sealed class Histogram
    {
        private readonly Dictionary<long, long> _counts = [];
        private long _longest;

        public long Count { get; private set; }

        public void Add(long ticks)
        {
            _longest = Math.Max(_longest, ticks);
            var step = Math.Max(1, ticks / 100);
            var rounded = ticks - (ticks % step);
            _counts[rounded] = _counts.GetValueOrDefault(rounded) + 1;
            Count++;
        }

        public void Add(Histogram other)
        {
            _longest = Math.Max(_longest, other._longest);
            foreach (var (ticks, count) in other._counts)
            {
                _counts[ticks] = _counts.GetValueOrDefault(ticks) + count;
                Count += count;
            }
        }

        /// <summary>Within how many microseconds that share of the calls ended.</summary>
        public double At(double share)
        {
            var left = (long)Math.Ceiling(Count * share);
            foreach (var (ticks, count) in share >= 1 ? [] : _counts.OrderBy(pair => pair.Key).ToArray())
            {
                left -= count;
                if (left <= 0)
                {
                    return ticks * 1e6 / Stopwatch.Frequency;
                }
            }

            return _longest * 1e6 / Stopwatch.Frequency;
        }
    }
}
