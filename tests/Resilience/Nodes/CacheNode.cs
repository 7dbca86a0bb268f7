using System.Diagnostics.Metrics;
using Larder.Resilience.Faults;
using Larder.Resilience.Figures;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Larder.Resilience.Nodes;

/// <summary>A node as an application makes it, <c>AddLarder().UseRedis(…)</c>: nothing of it is replaced or looked into.</summary>
internal sealed class CacheNode : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly MeterListener _listener = new();
    private readonly long[] _secondLevelHits = new long[Enum.GetValues<Phase>().Length];

    public CacheNode(NodeSettings settings, Fault fault, PhaseClock clock)
    {
        var services = new ServiceCollection();
        services.AddMetrics();
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Options.Select(option => KeyValuePair.Create($"Larder:{option.Key}", (string?)option.Value)))
            .Build();
        services.AddLarder(configuration).UseRedis(fault.ConnectionString);
        services.Configure<LarderOptions>(options =>
        {
            fault.Configure(options);
            if (settings.Sabotage == Sabotage.Throws)
            {
                (options.OnWriteFailure, options.OnInvalidationFailure) = (SecondLevelFailure.Throw, SecondLevelFailure.Throw);
            }

            options.DefaultFlags |= settings.Sabotage == Sabotage.ForgetsAll ? HybridCacheEntryFlags.DisableLocalCache : HybridCacheEntryFlags.None;
        });
        fault.Configure(services);
        _services = services.BuildServiceProvider();
        Listen(clock);
        Cache = _services.GetRequiredService<HybridCache>();
        Options = _services.GetRequiredService<IOptions<LarderOptions>>().Value;
    }

    public HybridCache Cache { get; }

    public LarderOptions Options { get; }

    public long SecondLevelHits(Phase phase) => Interlocked.Read(ref _secondLevelHits[(int)phase]);

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _services.DisposeAsync();
    }

    // Each node has a meter factory of its own, by which its figures are told from the other nodes'.
    private void Listen(PhaseClock clock)
    {
        var mine = _services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "larder.cache.hits" && instrument.Meter.Scope == mine)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, count, tags, _) =>
        {
            foreach (var tag in tags)
            {
                if (tag is { Key: "larder.level", Value: "second" })
                {
                    Interlocked.Add(ref _secondLevelHits[(int)clock.Now], count);
                }
            }
        });
        _listener.Start();
    }
}
