using System.Runtime.CompilerServices;
using Larder.Backplane;
using Larder.Diagnostics;
using Larder.Notifications;
using Larder.Encryption;
using Larder.Scopes;
using Larder.Tags;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Larder.Engine;

/// <summary>
/// The cache itself. The files beside this one follow the way of a call: <c>Read</c> (a hit), <c>Load</c> (a miss), <c>Verify</c> (an entry in
/// doubt), <c>SecondLevel</c> (what the nodes share), <c>Lease</c>, <c>Decide</c> (what the factory says), <c>Store</c>, <c>Entries</c> and <c>Layers</c> (the forms of a value); then <c>Write</c> and
/// <c>Invalidate</c>; <c>Late</c> and <c>Stale</c> (entries past their time); then <c>Trust</c> (what other nodes say), <c>Recover</c> and <c>Purge</c>. See <c>README.md</c> in this folder.
/// </summary>
internal sealed partial class CacheEngine : IAsyncDisposable, IDisposable
{
    private readonly LarderOptions _options;
    private readonly EngineClock _clock;
    private readonly Serializers _serializers;
    private readonly ILogger _logger;
    private readonly LarderMetrics _metrics;
    private readonly LogLimiter _limiter;
    private readonly SecondLevelTimeouts _timeouts;
    private readonly MemoryLevel _memory;
    private readonly FlightTable _flights = new();
    private readonly GroupTable _groups;
    private readonly GuardedSecondLevel? _second;
    private readonly StampReader? _stamps;
    private readonly BackplaneChannel? _backplane;
    private readonly PendingInvalidations _pending;
    private readonly LeaseKeeper? _leases;
    private readonly bool _keepsMemory;
    private readonly KeyTurns? _writeTurns;
    private readonly PayloadLayers _layers;
    private readonly Random _random;
    private readonly IServiceScopeFactory? _scopes;
    private readonly CancellationToken _stoppingToken;
    private readonly DateTimeOffset _startedAt;

    public CacheEngine(
        LarderOptions options,
        TimeProvider time,
        Serializers serializers,
        SecondLevel? second,
        IBackplaneTransport? backplane,
        LarderMetrics metrics,
        ILogger logger,
        Random? random = null,
        IServiceScopeFactory? scopes = null,
        ICacheKeyProvider? keys = null,
        ILogger? calls = null)
    {
        _stoppingToken = _stopping.Token;
        BackgroundPatience = EngineClock.Milliseconds(options.LeaseDuration * 6);
        _scopes = scopes;
        _random = random ?? Random.Shared;
        _options = options;
        _clock = new EngineClock(time);
        _startedAt = time.GetUtcNow();
        _statistics = options.Statistics ? new StatisticsTable(time) : null;
        _calls = options.LogsCalls && calls is not null ? new CallLog(calls) : null;
        _labels = new ScopeLabelTable(options);
        _followsCalls = _statistics is not null || _calls is not null;
        _serializers = serializers;
        _logger = logger;
        _metrics = metrics;
        _limiter = new LogLimiter(_clock);
        _timeouts = new SecondLevelTimeouts(options);
        ApplicationPrefix = ScopedKey.ApplicationPrefix(options.Prefix, options.Version);
        _memory = new MemoryLevel(options.MaximumMemoryEntries, options.MaximumMemoryBytes);
        Evictions = new EvictionSource(_memory, _clock, _limiter, logger);
        Invalidations = new InvalidationStream(time);
        _memory.Departed += CountDeparture;
        if (second is null)
        {
            _memory.KeepIndex();
        }

        _layers = new PayloadLayers(options, keys is null ? null : new KeySource(keys, _timeouts.Read, metrics, logger, time));
        var noNamespace = new EntryDefaults(options, null, keys is not null);
        _groups = new GroupTable(this, name => name is not null && options.Namespaces.TryGetValue(name, out var found) ? new EntryDefaults(options, found, keys is not null) : noNamespace);
        _pending = new PendingInvalidations(options.MaximumPendingInvalidations, _clock);
        _keepsMemory = second is not { KeepsOwnMemory: true };
        if (_layers.Keys is { } keySource)
        {
            metrics.Watch(keySource.Guard);
        }

        if (second is not null)
        {
            _writeTurns = second.HasLeases ? null : new KeyTurns();
            _second = new GuardedSecondLevel(second, _timeouts, time, metrics, logger, () => ReadableServer);
            metrics.Watch(_second.Guard);
            _second.LateWriteLeft += (entry, key, cause) => Postpone(PendingInvalidation.OfKey(key, entry.Scope.Id, entry.Key), cause);
            _stamps = new StampReader(_second, _clock, StampsReadAfter, _groups.Invalidate);
            if (second.HasLeases)
            {
                using (ExecutionContext.SuppressFlow())
                {
                    _leases = new LeaseKeeper(_second, options.LeaseDuration, time);
                }
            }

            if (backplane is not null)
            {
                _backplane = new BackplaneChannel(backplane, _clock, _timeouts.Invalidation, metrics, _limiter, logger, (long)options.BackplaneTimeout.TotalMilliseconds);
                metrics.Watch(_backplane.Guard);
                _trustedUntil = 0;
                _backplane.Listen(this);
            }
        }

        metrics.Watch(this);

        // The engine is made by the first call that needs it; the scope and trace of that call must not go on in here.
        using (ExecutionContext.SuppressFlow())
        {
            _background = Task.Run(RunBackgroundAsync);
            _purging = second is { HasLeases: true } && options.PurgeInterval > TimeSpan.Zero ? RunPurgeAsync(_stopping.Token) : Task.CompletedTask;
        }
    }

    /// <summary>What precedes all keys of the application at the second level.</summary>
    public string ApplicationPrefix { get; }

    /// <summary>Who is told what leaves memory.</summary>
    public EvictionSource Evictions { get; }

    /// <summary>Who is told what is invalidated.</summary>
    public InvalidationStream Invalidations { get; }

    public GroupTable Groups => _groups;

    public MemoryLevel Memory => _memory;

    public FlightTable Flights => _flights;

    public EngineClock Clock => _clock;

    /// <summary>How this node and the others hear of each other; null where they do not.</summary>
    public BackplaneChannel? Backplane => _backplane;

    public ScopeState Scope(CacheScope scope) => _groups.Scope(scope);

    /// <summary>For containers that are disposed of synchronously.</summary>
    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>Ends background work. The connection belongs to whoever made it; calls under way finish.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        Evictions.Complete();
        Invalidations.Complete();
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _background.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _purging.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_leases is not null)
        {
            await _leases.DisposeAsync().ConfigureAwait(false);
        }

        _metrics.Unwatch(this);
        if (_layers.Keys is { } keySource)
        {
            _metrics.Unwatch(keySource.Guard);
        }

        if (_second is not null)
        {
            _metrics.Unwatch(_second.Guard);
        }

        if (_backplane is not null)
        {
            _metrics.Unwatch(_backplane.Guard);
            await _backplane.DisposeAsync().ConfigureAwait(false);
        }

        _stopping.Dispose();
    }
}
