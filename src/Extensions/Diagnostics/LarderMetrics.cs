using System.Diagnostics.Metrics;

namespace Larder.Diagnostics;

/// <summary>Every metric of the pack, on one meter named <c>Larder</c>.</summary>
internal sealed class LarderMetrics : IDisposable
{
    public const string MeterName = "Larder";

    private readonly Meter _meter;

    public LarderMetrics(IMeterFactory? factory)
    {
        _meter = factory?.Create(MeterName) ?? new Meter(MeterName);
        Hits = _meter.CreateCounter<long>("larder.cache.hits", "{hit}", "Reads answered from a level of the cache.");
        Misses = _meter.CreateCounter<long>("larder.cache.misses", "{miss}", "Reads that ran their factory.");
        Uncacheable = _meter.CreateCounter<long>("larder.cache.uncacheable", "{call}", "Calls whose key cannot be cached.");
        Rejected = _meter.CreateCounter<long>("larder.payload.rejected", "{payload}", "Stored payloads that were not used, by fault.");
        Invalidations = _meter.CreateCounter<long>("larder.invalidations", "{invalidation}", "Invalidations by kind and origin.");
        Stale = _meter.CreateCounter<long>("larder.cache.stale", "{value}", "Values served after their expiration, by reason.");
        Refreshes = _meter.CreateCounter<long>("larder.cache.refreshes", "{load}", "Loads that ran in the background, by outcome.");
        Unstored = _meter.CreateCounter<long>("larder.load.unstored", "{load}", "Loaded values that were not stored, by reason.");
    }

    public Counter<long> Hits { get; }

    public Counter<long> Stale { get; }

    public Counter<long> Refreshes { get; }

    public Counter<long> Misses { get; }

    public Counter<long> Uncacheable { get; }

    public Counter<long> Rejected { get; }

    public Counter<long> Invalidations { get; }

    public Counter<long> Unstored { get; }

    public static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);

    public void Dispose() => _meter.Dispose();
}
