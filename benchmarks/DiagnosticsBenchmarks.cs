using System.Diagnostics;
using System.Diagnostics.Metrics;
using BenchmarkDotNet.Attributes;
using Larder.Diagnostics;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Benchmarks;

/// <summary>
/// What it costs to look: a hit in memory while nobody listens, with a listener to all of the meter, with statistics; and a removal with a miss and its load, with and without listeners to
/// meter and spans.
/// </summary>
/// <remarks>
/// A listener to spans hears every cache of the process, so the case with one listens only while it runs. Listeners to meters hear the cache they are for.
/// </remarks>
[MemoryDiagnoser]
public class DiagnosticsBenchmarks
{
    private const string Key = "catalogue:product:details:1234567890:en-GB:";
    private static readonly CacheScope Acme = new("acme", "web", "catalogue");

    private readonly List<IDisposable> _toDispose = [];
    private HybridCache _quiet = null!;
    private HybridCache _measured = null!;
    private HybridCache _counted = null!;
    private ActivityListener? _spans;
    private long _heard;

    [GlobalSetup]
    public void SetUp()
    {
        _quiet = Create(measured: false, counted: false);
        _measured = Create(measured: true, counted: false);
        _counted = Create(measured: false, counted: true);
    }

    [GlobalSetup(Target = nameof(MissFollowed))]
    public void SetUpFollowed()
    {
        SetUp();
        _spans = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == LarderActivities.SourceName,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _ => _heard++,
        };
        ActivitySource.AddActivityListener(_spans);
        _toDispose.Add(_spans);
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        _toDispose.ForEach(static item => item.Dispose());
        _toDispose.Clear();
    }

    [Benchmark(Baseline = true, Description = "hit, nobody listens")]
    public ValueTask<string> Hit() => ReadAsync(_quiet);

    [Benchmark(Description = "hit, with a listener to the meter")]
    public ValueTask<string> HitMeasured() => ReadAsync(_measured);

    [Benchmark(Description = "hit, with statistics")]
    public ValueTask<string> HitCounted() => ReadAsync(_counted);

    [Benchmark(Description = "removal, miss and load, nobody listens")]
    public Task<string> Miss() => MissAsync(_quiet);

    [Benchmark(Description = "removal, miss and load, with a listener to the meter")]
    public Task<string> MissMeasured() => MissAsync(_measured);

    [Benchmark(Description = "removal, miss and load, with listeners to meter and spans")]
    public Task<string> MissFollowed() => MissAsync(_measured);

    private static ValueTask<string> ReadAsync(HybridCache cache) => cache.GetOrCreateAsync(Key, 0, static (_, _) => new ValueTask<string>("loaded"));

    private static async Task<string> MissAsync(HybridCache cache)
    {
        await cache.RemoveAsync(Key);
        return await ReadAsync(cache);
    }

    private HybridCache Create(bool measured, bool counted)
    {
        var services = new ServiceCollection().AddLarder(options => options.Statistics = counted).Services.BuildServiceProvider();
        _toDispose.Add(services);
        if (measured)
        {
            var meter = services.GetRequiredService<LarderMetrics>().Hits.Meter;
            var listener = new MeterListener
            {
                InstrumentPublished = (instrument, self) =>
                {
                    if (ReferenceEquals(instrument.Meter, meter))
                    {
                        self.EnableMeasurementEvents(instrument);
                    }
                },
            };
            listener.SetMeasurementEventCallback<long>((_, value, _, _) => _heard += value);
            listener.SetMeasurementEventCallback<double>((_, _, _, _) => _heard++);
            listener.Start();
            _toDispose.Add(listener);
        }

        var cache = services.GetRequiredService<HybridCache>().InScope(Acme);
        cache.SetAsync(Key, "value").AsTask().GetAwaiter().GetResult();
        return cache;
    }
}
