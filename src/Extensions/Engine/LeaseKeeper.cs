using System.Collections.Concurrent;

namespace Larder.Engine;

/// <summary>The leases that loads of this node hold: prolongs each at a third of its time while its load runs.</summary>
/// <remarks>A node that dies or stands still stops prolonging, so another may load after at most one lease time.</remarks>
internal sealed class LeaseKeeper : IAsyncDisposable
{
    private readonly ConcurrentDictionary<long, Lease> _held = new();
    private readonly GuardedSecondLevel _second;
    private readonly TimeProvider _time;
    private readonly TimeSpan _interval;
    private readonly ITimer _timer;

    public LeaseKeeper(GuardedSecondLevel second, TimeSpan duration, TimeProvider time)
    {
        _second = second;
        _time = time;
        _interval = duration / 3;
        _timer = time.CreateTimer(static keeper => _ = ((LeaseKeeper)keeper!).RenewAsync(), this, _interval, _interval);
    }

    public int Count => _held.Count;

    public Lease Keep(string key, long token)
    {
        var lease = new Lease(key, token, _time.GetTimestamp());
        _held[token] = lease;
        return lease;
    }

    /// <summary>The lease is no longer needed. Says whether it was still kept.</summary>
    public bool Stop(Lease lease) => _held.TryRemove(lease.Token, out _);

    public ValueTask DisposeAsync() => _timer.DisposeAsync();

    private async Task RenewAsync()
    {
        foreach (var (token, lease) in _held)
        {
            // Most loads end before their first renewal is due.
            if (_time.GetElapsedTime(lease.TakenAt) < _interval)
            {
                continue;
            }

            var renewed = await _second.RenewLeaseAsync(lease.Key, token).ConfigureAwait(false);
            if (renewed is { Succeeded: true, Value: false })
            {
                // Broken by a change of the key, or run out: the load will find that out when it stores.
                _held.TryRemove(token, out _);
            }
        }
    }
}

/// <summary>A lease that a load of this node holds, or none.</summary>
internal readonly record struct Lease(string Key, long Token, long TakenAt)
{
    public bool IsHeld => Token != 0;
}
