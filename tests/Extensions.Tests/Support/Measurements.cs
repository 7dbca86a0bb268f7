using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Larder.Diagnostics;

namespace Larder.Tests;

/// <summary>Listens to one set of metrics, whatever other tests measure at the same time.</summary>
internal sealed class Measurements : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, long> _sums = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _observed = new(StringComparer.Ordinal);

    public Measurements(LarderMetrics metrics)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter, metrics.Hits.Meter))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => _sums.AddOrUpdate(Name(instrument, tags), value, (_, sum) => sum + value));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => _observed[Name(instrument, tags)] = value);
        _listener.Start();
    }

    /// <summary>A counter's sum by its name and the values of its tags: <c>larder.cache.hits memory</c>.</summary>
    public long Sum(string name) => _sums.GetValueOrDefault(name);

    /// <summary>What a gauge shows now, or null.</summary>
    public int? Observe(string name)
    {
        _observed.Clear();
        _listener.RecordObservableInstruments();
        return _observed.TryGetValue(name, out var value) ? value : null;
    }

    public void Dispose() => _listener.Dispose();

    private static string Name(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var name = instrument.Name;
        foreach (var tag in tags)
        {
            name += $" {tag.Value}";
        }

        return name;
    }
}
