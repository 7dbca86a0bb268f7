using System.Threading.RateLimiting;
using Larder.Engine;

namespace Larder.Counters;

/// <summary>A limiter whose state is a window in the <see cref="CountStore"/>; it keeps nothing itself but statistics.</summary>
internal sealed class CacheRateLimiter : RateLimiter
{
    private static readonly TimeSpan LongestWindow = TimeSpan.FromDays(3_650);
    private static readonly RateLimitLease Admitted = new Lease(true, null);
    private static readonly RateLimitLease Refused = new Lease(false, null);

    private readonly CountStore _store;
    private readonly ScopeState _scope;
    private readonly string _key;
    private readonly WindowKind _kind;
    private readonly int _limit;
    private readonly TimeSpan _window;
    private readonly long _milliseconds;
    private readonly bool _admitsWithoutServer;
    private long _successful;
    private long _failed;
    private long _available;
    private long _availableUntil;
    private long _lastUsed;
    private int _underWay;
    private volatile bool _disposed;

    public CacheRateLimiter(CountStore store, CacheScope scope, string key, WindowKind kind, CacheRateLimiterOptions options)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.PermitLimit, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Window, TimeSpan.FromMilliseconds(1));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Window, LongestWindow);
        store.ThrowIfUnsupported();
        _store = store;
        _scope = store.Scope(scope);
        _key = key;
        _kind = kind;
        _limit = options.PermitLimit;
        _window = options.Window;
        _milliseconds = (long)Math.Ceiling(_window.TotalMilliseconds);
        _admitsWithoutServer = options.AdmitsWithoutServer;
        _available = _limit;
        _lastUsed = store.Clock.Now;
    }

    /// <summary>Since its last use. It may then be disposed of: what it gave is not forgotten with it.</summary>
    public override TimeSpan? IdleDuration =>
        Volatile.Read(ref _underWay) != 0 ? null : TimeSpan.FromMilliseconds(Math.Max(0, _store.Clock.Now - Volatile.Read(ref _lastUsed)));

    /// <summary>Permits as this node last heard of them; successes and failures are its own.</summary>
    public override RateLimiterStatistics GetStatistics()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new RateLimiterStatistics
        {
            CurrentAvailablePermits = _store.Clock.Now >= Volatile.Read(ref _availableUntil) ? _limit : Volatile.Read(ref _available),
            TotalSuccessfulLeases = Volatile.Read(ref _successful),
            TotalFailedLeases = Volatile.Read(ref _failed),
        };
    }

    protected override RateLimitLease AttemptAcquireCore(int permitCount)
    {
        Check(permitCount);
        if (_store.AsksServer)
        {
            // Blocking a thread on the network would be worse than to send the caller to AcquireAsync. Not an answer, so not counted as one.
            return Refused;
        }

        return Answer(permitCount, _store.AcquireHere(_kind, _scope, _key, permitCount, _limit, _window));
    }

    protected override async ValueTask<RateLimitLease> AcquireAsyncCore(int permitCount, CancellationToken cancellationToken)
    {
        Check(permitCount);
        Interlocked.Increment(ref _underWay);
        try
        {
            return Answer(permitCount, await _store.AcquireAsync(_kind, _scope, _key, permitCount, _limit, _window).ConfigureAwait(false));
        }
        finally
        {
            Volatile.Write(ref _lastUsed, _store.Clock.Now);
            Interlocked.Decrement(ref _underWay);
        }
    }

    protected override void Dispose(bool disposing)
    {
        _disposed = true;
        base.Dispose(disposing);
    }

    protected override ValueTask DisposeAsyncCore()
    {
        _disposed = true;
        return base.DisposeAsyncCore();
    }

    private void Check(int permitCount)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (permitCount > _limit)
        {
            throw new ArgumentOutOfRangeException(nameof(permitCount), permitCount, $"No more than the limit of {_limit} permits can ever be given at once.");
        }
    }

    private RateLimitLease Answer(int permits, WindowState? answer)
    {
        var now = _store.Clock.Now;
        Volatile.Write(ref _lastUsed, now);
        if (answer is { } window)
        {
            Volatile.Write(ref _available, Math.Max(0, _limit - (long)Math.Ceiling(WindowState.Used(window.Current, window.Previous, window.Elapsed, _milliseconds))));
            Volatile.Write(ref _availableUntil, now - window.Elapsed + (_kind == WindowKind.Sliding ? 2 * _milliseconds : _milliseconds));
        }

        if (answer?.IsAdmitted ?? _admitsWithoutServer)
        {
            Interlocked.Increment(ref _successful);
            return Admitted;
        }

        Interlocked.Increment(ref _failed);
        return answer is { } refused ? new Lease(false, RetryAfter(refused, permits)) : Refused;
    }

    private TimeSpan RetryAfter(WindowState refused, int permits) => TimeSpan.FromMilliseconds(
        _kind == WindowKind.Sliding ? refused.RetryAfterSliding(permits, _limit, _milliseconds) : refused.RetryAfterFixed(_milliseconds));

    private sealed class Lease(bool isAcquired, TimeSpan? retryAfter) : RateLimitLease
    {
        public override bool IsAcquired => isAcquired;

        public override IEnumerable<string> MetadataNames => retryAfter is null ? [] : [MetadataName.RetryAfter.Name];

        public override bool TryGetMetadata(string metadataName, out object? metadata)
        {
            metadata = metadataName == MetadataName.RetryAfter.Name ? retryAfter : null;
            return metadata is not null;
        }
    }
}
