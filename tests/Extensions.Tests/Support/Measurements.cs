using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Larder.Diagnostics;

namespace Larder.Tests;

/// <summary>Listens to one set of metrics, whatever other tests measure at the same time.</summary>
/// <remarks>
/// What is asked for is an instrument's name, and behind it words each of which is the value of an attribute, or its name and value: <c>larder.cache.hits memory larder.namespace=users</c>. All
/// series that have them are added up.
/// </remarks>
internal sealed class Measurements : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, (Series Series, long Count, double Sum)> _recorded = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<(Series Series, double Value)> _observed = new();

    public Measurements(LarderMetrics metrics, Func<Instrument, bool>? wants = null)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter, metrics.Hits.Meter) && wants?.Invoke(instrument) != false)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.Start();
    }

    /// <summary>Each instrument and its attributes, once, as text.</summary>
    public ICollection<string> All => _recorded.Keys;

    /// <summary>What was added or recorded.</summary>
    public double Sum(string wanted) => Find(wanted).Sum(found => found.Sum);

    /// <summary>How often.</summary>
    public long Count(string wanted) => Find(wanted).Sum(found => found.Count);

    /// <summary>What a gauge shows now, or null.</summary>
    public double? Observe(string wanted)
    {
        _observed.Clear();
        _listener.RecordObservableInstruments();
        var words = wanted.Split(' ');
        var found = _observed.Where(observed => observed.Series.Has(words)).ToArray();
        return found.Length == 0 ? null : found.Sum(observed => observed.Value);
    }

    public void Dispose() => _listener.Dispose();

    private IEnumerable<(Series Series, long Count, double Sum)> Find(string wanted)
    {
        var words = wanted.Split(' ');
        return _recorded.Values.Where(found => found.Series.Has(words));
    }

    private void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var series = new Series(instrument.Name, Array.ConvertAll(tags.ToArray(), tag => (tag.Key, (string)tag.Value!)));
        if (instrument.IsObservable)
        {
            _observed.Enqueue((series, value));
        }
        else
        {
            _recorded.AddOrUpdate(series.ToString(), (series, 1, value), (_, before) => (series, before.Count + 1, before.Sum + value));
        }
    }

    private sealed record Series(string Instrument, (string Name, string Value)[] Attributes)
    {
        public bool Has(string[] words) =>
            Instrument == words[0] && words.Skip(1).All(word => Array.Exists(Attributes, attribute => attribute.Value == word || $"{attribute.Name}={attribute.Value}" == word));

        public override string ToString() => $"{Instrument} {string.Join(' ', Attributes.Select(attribute => $"{attribute.Name}={attribute.Value}"))}".TrimEnd();
    }
}
