using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Larder.Engine;

namespace Larder.Diagnostics;

/// <summary>Every metric of the pack, on one meter named <c>Larder</c>.</summary>
internal sealed class LarderMetrics : IDisposable
{
    public const string MeterName = "Larder";

    private readonly Meter _meter;
    private readonly ConcurrentDictionary<Guard, bool> _guards = new();

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
        Unindexed = _meter.CreateCounter<long>("larder.index.failures", "{write}", "Writes whose sets could not be told of them.");
        Unstored = _meter.CreateCounter<long>("larder.load.unstored", "{load}", "Loaded values that were not stored, by reason.");
        SecondLevelFailures = _meter.CreateCounter<long>("larder.second_level.failures", "{failure}", "Operations at the second level that failed, by operation (read, write, invalidate) and reason (timeout, error, open: not tried).");
        BackplaneFailures = _meter.CreateCounter<long>("larder.backplane.failures", "{failure}", "Batches of messages to the other nodes that failed, by reason (timeout, error, open: not tried).");
        KeyFailures = _meter.CreateCounter<long>("larder.encryption.key_failures", "{failure}", "Encryption keys that could not be had, by reason (timeout, error, open: not tried).");
        _meter.CreateObservableGauge("larder.circuit_breaker.state", ObserveBreakers, "{state}", "1 from when calls begin to be refused until one has succeeded, otherwise 0; by breaker (second_level, backplane, keys).");
    }

    public Counter<long> Hits { get; }

    public Counter<long> Stale { get; }

    public Counter<long> Refreshes { get; }

    public Counter<long> Unindexed { get; }

    public Counter<long> Misses { get; }

    public Counter<long> Uncacheable { get; }

    public Counter<long> Rejected { get; }

    public Counter<long> Invalidations { get; }

    public Counter<long> Unstored { get; }

    public Counter<long> SecondLevelFailures { get; }

    public Counter<long> BackplaneFailures { get; }

    public Counter<long> KeyFailures { get; }

    /// <summary>The breakers that have opened and not closed since, by name.</summary>
    public IReadOnlyList<string> OpenBreakers => [.. _guards.Keys.Where(static guard => guard.IsTripped).Select(static guard => guard.Name).Order(StringComparer.Ordinal)];

    public void Watch(Guard guard) => _guards[guard] = true;

    public void Unwatch(Guard guard) => _guards.TryRemove(guard, out _);

    public static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<int>> ObserveBreakers() =>
        _guards.Keys.Select(static guard => new Measurement<int>(guard.IsTripped ? 1 : 0, Tag("breaker", guard.Name)));
}
