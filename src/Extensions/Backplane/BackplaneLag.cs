using Larder.Diagnostics;

namespace Larder.Backplane;

/// <summary>Measures how long this node's batches take to come back to it, better than in the clock's milliseconds. Called under the channel's lock.</summary>
/// <remarks>Of the last few it is known when they were sent; one that comes back after so many others is not measured.</remarks>
internal sealed class BackplaneLag(TimeProvider time, LarderMetrics metrics)
{
    private readonly long[] _sentAt = new long[16];
    private long _last;

    public void Sent(long sequence)
    {
        _last = sequence;
        _sentAt[sequence % _sentAt.Length] = time.GetTimestamp();
    }

    public void Heard(long sequence)
    {
        if (metrics.BackplaneLag.Enabled && sequence <= _last && sequence > _last - _sentAt.Length)
        {
            metrics.BackplaneLag.Record(time.GetElapsedTime(_sentAt[sequence % _sentAt.Length]).TotalSeconds);
        }
    }
}
