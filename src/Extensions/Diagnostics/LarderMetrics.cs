using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Larder.Engine;

namespace Larder.Diagnostics;

/// <summary>Every metric of the pack, on one meter named <c>Larder</c>.</summary>
/// <remarks>Durations are in seconds. Their buckets are those that OpenTelemetry advises for calls to databases, with finer ones below a millisecond for what a server near by answers.</remarks>
internal sealed class LarderMetrics : IDisposable
{
    public const string MeterName = "Larder";

    /// <summary>What the meter and the source of spans say of the version of the pack.</summary>
    public static readonly string? Version = typeof(LarderMetrics).Assembly.GetName().Version?.ToString(3);

    private static readonly InstrumentAdvice<double> Loads = new() { HistogramBucketBoundaries = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] };
    private static readonly InstrumentAdvice<double> RoundTrips = new() { HistogramBucketBoundaries = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] };

    private readonly Meter _meter;
    private readonly ConcurrentDictionary<Guard, bool> _guards = new();
    private readonly ConcurrentDictionary<CacheEngine, bool> _engines = new();

    public LarderMetrics(IMeterFactory? factory)
    {
        var options = new MeterOptions(MeterName) { Version = Version };
        _meter = factory?.Create(options) ?? new Meter(options);
        Hits = _meter.CreateCounter<long>("larder.cache.hits", "{hit}", "Reads answered from a level of the cache.");
        Misses = _meter.CreateCounter<long>("larder.cache.misses", "{miss}", "Reads that the cache could not answer.");
        Joined = _meter.CreateCounter<long>("larder.cache.joined", "{read}", "Reads that took the result of a load another call had begun.");
        Uncacheable = _meter.CreateCounter<long>("larder.cache.uncacheable", "{call}", "Calls whose key cannot be cached.");
        Stale = _meter.CreateCounter<long>("larder.cache.stale", "{value}", "Values served after their expiration, by reason.");
        Refreshes = _meter.CreateCounter<long>("larder.cache.refreshes", "{load}", "Loads that ran in the background, by outcome.");
        LoadDuration = _meter.CreateHistogram("larder.load.duration", "s", "How long factories ran.", advice: Loads);
        Unstored = _meter.CreateCounter<long>("larder.load.unstored", "{load}", "Loaded values that were not stored, by reason.");
        LeaseWait = _meter.CreateHistogram("larder.lease.wait.duration", "s", "How long loads waited for another node's load of the same key.", advice: Loads);
        LockWait = _meter.CreateHistogram("larder.lock.wait.duration", "s", "How long callers waited for locks, by outcome.", advice: Loads);
        Departures = _meter.CreateCounter<long>("larder.memory.departures", "{entry}", "Entries that have left memory, by reason.");
        Rejected = _meter.CreateCounter<long>("larder.payload.rejected", "{payload}", "Stored payloads that were not used, by reason.");
        Unindexed = _meter.CreateCounter<long>("larder.index.failures", "{write}", "Writes whose sets could not be told of them.");
        Invalidations = _meter.CreateCounter<long>("larder.invalidations", "{invalidation}", "Invalidations by kind and origin.");
        SecondLevelDuration = _meter.CreateHistogram("larder.second_level.duration", "s", "How long operations at the second level took.", advice: RoundTrips);
        SecondLevelFailures = _meter.CreateCounter<long>("larder.second_level.failures", "{failure}", "Operations at the second level that failed, by kind (read, write, invalidate) and reason (timeout, error, open: not tried).");
        BackplaneLag = _meter.CreateHistogram("larder.backplane.lag", "s", "How long this node's own messages took to come back to it.", advice: RoundTrips);
        BackplaneGaps = _meter.CreateCounter<long>("larder.backplane.gaps", "{gap}", "Batches of other nodes that showed that one before them was missed.");
        BackplaneFailures = _meter.CreateCounter<long>("larder.backplane.failures", "{failure}", "Batches of messages to the other nodes that failed, by reason (timeout, error, open: not tried).");
        KeyFailures = _meter.CreateCounter<long>("larder.encryption.key_failures", "{failure}", "Encryption keys that could not be had, by reason (timeout, error, open: not tried).");
        _meter.CreateObservableGauge("larder.circuit_breaker.state", ObserveBreakers, "{state}", "1 from when calls begin to be refused until one has succeeded, otherwise 0; by breaker (second_level, backplane, keys).");
        _meter.CreateObservableUpDownCounter("larder.memory.entries", ObserveEntries, "{entry}", "Entries in memory, valid or not.");
        _meter.CreateObservableUpDownCounter("larder.memory.usage", () => Observe(static engine => engine.Memory.Bytes), "By", "Bytes that the entries in memory are counted at.");
        _meter.CreateObservableUpDownCounter("larder.invalidations.pending", () => Observe(static engine => engine.PendingCount), "{invalidation}", "Invalidations that wait for the second level or the other nodes to be told.");
        _meter.CreateObservableUpDownCounter("larder.backplane.queue", () => Observe(static engine => engine.Backplane?.QueueLength ?? 0), "{message}", "Messages to the other nodes that wait for the batch before them.");
    }

    public Counter<long> Hits { get; }

    public Counter<long> Misses { get; }

    public Counter<long> Joined { get; }

    public Counter<long> Uncacheable { get; }

    public Counter<long> Stale { get; }

    public Counter<long> Refreshes { get; }

    public Histogram<double> LoadDuration { get; }

    public Counter<long> Unstored { get; }

    public Histogram<double> LeaseWait { get; }

    public Histogram<double> LockWait { get; }

    public Counter<long> Departures { get; }

    public Counter<long> Rejected { get; }

    public Counter<long> Unindexed { get; }

    public Counter<long> Invalidations { get; }

    public Histogram<double> SecondLevelDuration { get; }

    public Counter<long> SecondLevelFailures { get; }

    public Histogram<double> BackplaneLag { get; }

    public Counter<long> BackplaneGaps { get; }

    public Counter<long> BackplaneFailures { get; }

    public Counter<long> KeyFailures { get; }

    /// <summary>The breakers that have opened and not closed since, by name.</summary>
    public IReadOnlyList<string> OpenBreakers => [.. _guards.Keys.Where(static guard => guard.IsTripped).Select(static guard => guard.Name).Order(StringComparer.Ordinal)];

    public void Watch(Guard guard) => _guards[guard] = true;

    public void Unwatch(Guard guard) => _guards.TryRemove(guard, out _);

    /// <summary>Shows how full an engine's memory and queues are.</summary>
    public void Watch(CacheEngine engine) => _engines[engine] = true;

    public void Unwatch(CacheEngine engine) => _engines.TryRemove(engine, out _);

    public static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<int>> ObserveBreakers() =>
        _guards.Keys.Select(static guard => new Measurement<int>(guard.IsTripped ? 1 : 0, Tag(AttributeNames.Breaker, guard.Name)));

    private long Observe(Func<CacheEngine, long> value) => _engines.Keys.Sum(value);

    private IEnumerable<Measurement<long>> ObserveEntries() =>
    [
        new(Observe(static engine => engine.Memory.Count - engine.Memory.NegativeCount), Tag(AttributeNames.Kind, "value")),
        new(Observe(static engine => engine.Memory.NegativeCount), Tag(AttributeNames.Kind, "not_found")),
    ];
}
