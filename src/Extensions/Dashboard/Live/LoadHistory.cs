using Larder.Diagnostics;
using Larder.Engine;

namespace Larder.Dashboard;

/// <summary>What was read and loaded in one interval, in all and by namespace.</summary>
/// <param name="At">The interval's end.</param>
/// <param name="Seconds">How long it was.</param>
/// <param name="Entries">Entries in memory at its end.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="Total">All reads and loads.</param>
/// <param name="Series">Those of the namespaces that are told apart and had any.</param>
internal sealed record LoadSample(DateTimeOffset At, double Seconds, long Entries, long Bytes, SeriesPoint Total, IReadOnlyList<SeriesPoint> Series);

/// <summary>One namespace in one interval.</summary>
internal sealed record SeriesPoint(int Id, long Hits, long Reads, long Loads, double LoadMilliseconds);

/// <summary>Which namespace a number stands for.</summary>
internal sealed record SeriesName(int Id, string? Name);

/// <summary>Samples of the counters of a node, the latest <see cref="Capacity"/> within <see cref="Window"/>. Not for use by several threads at once.</summary>
/// <remarks>
/// It reads counters that are kept anyway, and looks at no entry, so a sample costs a few additions for each scope. At most <see cref="MaximumSeries"/> namespaces are told apart; one that
/// had no reads for a whole window makes room. Samples are dated by how long this runs, so they keep their order and age when the clock of the machine is set.
/// </remarks>
internal sealed class LoadHistory(CacheEngine engine, TimeProvider time)
{
    public const int Capacity = 512;
    public const int MaximumSeries = 32;

    public static readonly TimeSpan Window = TimeSpan.FromMinutes(15);

    private readonly Queue<LoadSample> _samples = new();
    private readonly Dictionary<Namespace, Sum> _before = [];
    private readonly Dictionary<Namespace, Series> _series = [];
    private readonly DateTimeOffset _began = time.GetUtcNow();
    private readonly long _beganAt = time.GetTimestamp();
    private Sum _totalBefore;
    private DateTimeOffset? _countsSince;
    private DateTimeOffset _at;
    private int _lastId;

    public IReadOnlyCollection<LoadSample> Samples => _samples;

    public IReadOnlyList<SeriesName> Names => [.. _series.Select(static series => new SeriesName(series.Value.Id, series.Key.Name))];

    private DateTimeOffset Now => _began + time.GetElapsedTime(_beganAt);

    /// <summary>Notes where counting stands. What comes after it is in the first sample.</summary>
    public void Begin()
    {
        _at = Now;
        _countsSince = engine.Statistics?.Since;
        var sums = Read(out _totalBefore);
        Remember(sums);
    }

    /// <summary>Takes a sample, and says which namespaces appear in it for the first time.</summary>
    public (LoadSample Sample, IReadOnlyList<SeriesName> NewNames) Take()
    {
        var now = Now;
        Forget(now);
        ForgetCountsIfReset();
        var sums = Read(out var total);
        var points = new List<SeriesPoint>();
        var newNames = new List<SeriesName>();
        foreach (var (name, sum) in sums)
        {
            var since = sum.Since(_before.GetValueOrDefault(name));
            if (since.IsEmpty)
            {
                continue;
            }

            if (!_series.TryGetValue(name, out var series))
            {
                if (_series.Count >= MaximumSeries)
                {
                    continue;
                }

                series = new Series(++_lastId);
                _series.Add(name, series);
                newNames.Add(new SeriesName(series.Id, name.Name));
            }

            series.LastAt = now;
            points.Add(since.ToPoint(series.Id));
        }

        var sample = new LoadSample(now, Math.Round((now - _at).TotalSeconds, 3), engine.Memory.Count, engine.Memory.Bytes, total.Since(_totalBefore).ToPoint(0), points);
        _totalBefore = total;
        _at = now;
        Remember(sums);
        _samples.Enqueue(sample);
        return (sample, newNames);
    }

    private void Forget(DateTimeOffset now)
    {
        while (_samples.TryPeek(out var oldest) && (_samples.Count >= Capacity || now - oldest.At > Window))
        {
            _samples.Dequeue();
        }

        foreach (var (name, _) in _series.Where(series => now - series.Value.LastAt > Window).ToArray())
        {
            _series.Remove(name);
        }
    }

    private void ForgetCountsIfReset()
    {
        if (engine.Statistics?.Since is { } since && since != _countsSince)
        {
            _countsSince = since;
            _before.Clear();
            _totalBefore = default;
        }
    }

    private void Remember(Dictionary<Namespace, Sum> sums)
    {
        _before.Clear();
        foreach (var (name, sum) in sums)
        {
            _before.Add(name, sum);
        }
    }

    private Dictionary<Namespace, Sum> Read(out Sum total)
    {
        var sums = new Dictionary<Namespace, Sum>();
        total = Sum.Of(engine.Statistics?.Others);
        foreach (var (scope, counters) in engine.Statistics?.Scopes() ?? [])
        {
            var sum = Sum.Of(counters);
            var name = new Namespace(scope.Namespace);
            sums[name] = sums.GetValueOrDefault(name).Plus(sum);
            total = total.Plus(sum);
        }

        return sums;
    }

    private readonly record struct Namespace(string? Name);

    private sealed class Series(int id)
    {
        public int Id { get; } = id;

        public DateTimeOffset LastAt { get; set; }
    }

    private readonly record struct Sum(long Hits, long Reads, long Loads, long LoadTicks)
    {
        public bool IsEmpty => Reads == 0 && Loads == 0;

        public static Sum Of(ScopeCounters? counters)
        {
            if (counters is null)
            {
                return default;
            }

            var counts = counters.Read();
            return new Sum(counts.Hits, counts.Hits + counts.JoinedLoads + counts.Misses, counts.Loads, counts.LoadTime.Ticks);
        }

        public Sum Plus(Sum other) => new(Hits + other.Hits, Reads + other.Reads, Loads + other.Loads, LoadTicks + other.LoadTicks);

        /// <summary>What came since. Nothing where it is less than before: scopes that nothing uses any more take their counts out of their namespace (see <see cref="StatisticsTable"/>).</summary>
        public Sum Since(Sum before) =>
            Hits < before.Hits || Reads < before.Reads || Loads < before.Loads || LoadTicks < before.LoadTicks
                ? default
                : new(Hits - before.Hits, Reads - before.Reads, Loads - before.Loads, LoadTicks - before.LoadTicks);

        public SeriesPoint ToPoint(int id) => new(id, Hits, Reads, Loads, Math.Round(TimeSpan.FromTicks(LoadTicks).TotalMilliseconds, 3));
    }
}
