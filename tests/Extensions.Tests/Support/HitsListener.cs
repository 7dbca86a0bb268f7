using System.Diagnostics.Metrics;
using Larder.Diagnostics;

namespace Larder.Tests;

/// <summary>Adds up the hits of one cache without allocating, as a real listener does.</summary>
internal sealed class HitsListener : IDisposable
{
    private readonly MeterListener _listener = new();
    private long _sum;

    public HitsListener(LarderMetrics metrics)
    {
        _listener.SetMeasurementEventCallback<long>((_, value, _, _) => Interlocked.Add(ref _sum, value));
        _listener.EnableMeasurementEvents(metrics.Hits);
        _listener.Start();
    }

    public long Sum => Interlocked.Read(ref _sum);

    public void Dispose() => _listener.Dispose();
}
