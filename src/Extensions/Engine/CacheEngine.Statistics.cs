using System.Runtime.CompilerServices;
using Larder.Backplane;
using Larder.Diagnostics;

namespace Larder.Engine;

/// <remarks>What is counted, for meters and for statistics, and what is told of each call. A hit asks once whether anybody wants to know.</remarks>
internal sealed partial class CacheEngine
{
    private readonly StatisticsTable? _statistics;
    private readonly ScopeLabelTable _labels;
    private readonly CallLog? _calls;
    private readonly bool _followsCalls;

    /// <summary>Where the counts of scopes are kept; null where statistics are off.</summary>
    public StatisticsTable? Statistics => _statistics;

    /// <summary>What scopes are called in measurements and spans.</summary>
    public ScopeLabelTable Labels => _labels;

    public CacheStatistics GetStatistics()
    {
        var scopes = new Dictionary<CacheScope, CacheCounts>();
        var others = _statistics?.Others.Read() ?? new CacheCounts();
        foreach (var (state, held) in ReadMemory())
        {
            if (state.Counters is { } counters && ReferenceEquals(counters, _statistics!.Others))
            {
                others = others.Plus(held);
            }
            else
            {
                // A scope's data and its pages are two states.
                scopes[state.Scope] = scopes.TryGetValue(state.Scope, out var both) ? both.Plus(held) : held;
            }
        }

        foreach (var (scope, counters) in _statistics?.Scopes() ?? [])
        {
            var counts = counters.Read();
            scopes[scope] = scopes.TryGetValue(scope, out var held) ? counts.Plus(held) : counts;
        }

        return new CacheStatistics(
            _statistics is not null, _statistics?.Since ?? _startedAt, _clock.Provider.GetUtcNow(), [.. scopes.Select(static scope => new CacheScopeStatistics(scope.Key, scope.Value))], others);
    }

    public void ResetStatistics() => _statistics?.Reset();

    private Dictionary<ScopeState, CacheCounts> ReadMemory()
    {
        var held = new Dictionary<ScopeState, (long Entries, long Negative, long Bytes, long Oldest, long Newest)>();
        foreach (var entry in _memory.Entries)
        {
            var sum = held.GetValueOrDefault(entry.Scope, (0, 0, 0, long.MaxValue, long.MinValue));
            held[entry.Scope] = (
                sum.Entries + 1,
                sum.Negative + (entry is NegativeEntry ? 1 : 0),
                sum.Bytes + entry.Size,
                Math.Min(sum.Oldest, entry.CreatedAtUtc),
                Math.Max(sum.Newest, entry.CreatedAtUtc));
        }

        return held.ToDictionary(static pair => pair.Key, static pair => new CacheCounts
        {
            Entries = pair.Value.Entries,
            NegativeEntries = pair.Value.Negative,
            Bytes = pair.Value.Bytes,
            Oldest = Moment(pair.Value.Oldest),
            Newest = Moment(pair.Value.Newest),
        });
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void CountMemoryHit(MemoryEntry entry, long now)
    {
        // One branch for all.
        if (_followsCalls | _metrics.Hits.Enabled)
        {
            CountMemoryHitNow(entry, now);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void CountMemoryHitNow(MemoryEntry entry, long now)
    {
        var isStale = entry.Terms is { } terms && now >= terms.Expires;
        if (_metrics.Hits.Enabled)
        {
            MeasureHit(HitLevel.Memory, entry, isStale);
        }

        if (entry.Scope.Counters is { } counters)
        {
            CountHit(counters, Tally.MemoryHit, entry is NegativeEntry, isStale);
            (entry.Use ?? BeginUse(entry)).Hit(now);
        }

        _calls?.Hit(entry, "memory", now, isStale);
    }

    private void CountSecondLevelHit(MemoryEntry entry, bool isStale, bool isRead)
    {
        if (!isRead)
        {
            return;
        }

        if (_metrics.Hits.Enabled)
        {
            MeasureHit(HitLevel.Second, entry, isStale);
        }

        if (entry.Scope.Counters is { } counters)
        {
            CountHit(counters, Tally.SecondLevelHit, entry is NegativeEntry, isStale);
        }

        _calls?.Hit(entry, "second", _clock.Now, isStale);
    }

    private void MeasureHit(HitLevel level, MemoryEntry entry, bool isStale)
    {
        var labels = entry.Scope.Labels;
        _metrics.Hits.Add(1, labels.Hit(level, entry is NegativeEntry ? HitOutcome.NotFound : isStale ? HitOutcome.Stale : HitOutcome.Fresh));
        if (isStale)
        {
            _metrics.Stale.Add(1, labels.With(LarderMetrics.Tag(AttributeNames.Reason, "kept")));
        }
    }

    /// <summary>A read that the cache could not answer: it runs its factory, or has none.</summary>
    private void CountMiss(ScopeState scope, bool loads)
    {
        if (_metrics.Misses.Enabled)
        {
            _metrics.Misses.Add(1, scope.Labels.With(LarderMetrics.Tag(AttributeNames.Outcome, loads ? "load" : "nothing")));
        }

        scope.Counters?.Add(Tally.Miss);
    }

    /// <summary>A read that took the result of another's load.</summary>
    private void CountJoined(ScopeState scope)
    {
        if (_metrics.Joined.Enabled)
        {
            _metrics.Joined.Add(1, scope.Labels.Scope);
        }

        scope.Counters?.Add(Tally.Joined);
    }

    private static void CountHit(ScopeCounters counters, Tally level, bool isNegative, bool isStale)
    {
        counters.Add(level);
        if (isNegative)
        {
            counters.Add(Tally.NegativeHit);
        }

        if (isStale)
        {
            counters.Add(Tally.Stale);
        }
    }

    private static EntryUse BeginUse(MemoryEntry entry)
    {
        var made = new EntryUse();
        return Interlocked.CompareExchange(ref entry.Use, made, null) ?? made;
    }

    /// <summary>When a factory starts, if that is to be known.</summary>
    private long? BeginLoadTime() => _followsCalls || _metrics.LoadDuration.Enabled ? _clock.Provider.GetTimestamp() : null;

    private void CountLoad<T>(Load<T> load, long? began, Exception? failure)
    {
        if (began is null)
        {
            return;
        }

        var took = _clock.Provider.GetElapsedTime(began.Value);
        if (_metrics.LoadDuration.Enabled)
        {
            var outcome = LarderMetrics.Tag(AttributeNames.Outcome, OutcomeOf(load, failure));
            var labels = load.Flight.Key.Scope.Labels;
            _metrics.LoadDuration.Record(
                took.TotalSeconds, failure is null ? labels.With(outcome) : labels.With(outcome, LarderMetrics.Tag(AttributeNames.ErrorType, LarderActivities.ErrorType(failure))));
        }

        _calls?.Load(load.Flight.Key, load.Refreshes is not null, load.Flight.Stale is not null, took, load.IsNotStored ? null : load.Policy.Expiration, failure is null);
        if (load.Flight.Key.Scope.Counters is { } counters)
        {
            counters.Add(Tally.Load);
            counters.Add(Tally.LoadTime, took.Ticks);
            if (failure is not null)
            {
                counters.Add(Tally.FailedLoad);
            }
        }
    }

    private static string OutcomeOf<T>(Load<T> load, Exception? failure) => failure is not null ? "failed" : load.Flight.Kind == CacheResultKind.NotFound ? "not_found" : "found";

    /// <summary>An invalidation holds on this node, which was asked for it, or has heard of it from another.</summary>
    private void CountInvalidation(in BackplaneMessage message, bool isRemote)
    {
        if (_metrics.Invalidations.Enabled)
        {
            _metrics.Invalidations.Add(
                1, (_groups.FindScope(message.Scope)?.Labels ?? ScopeLabels.None).With(LarderMetrics.Tag(AttributeNames.Kind, KindOf(message)), LarderMetrics.Tag(AttributeNames.Origin, isRemote ? "remote" : "local")));
        }

        _calls?.Invalidation(message, isRemote);
        if (_statistics is not null && !isRemote)
        {
            (_groups.FindScope(message.Scope)?.Counters ?? _statistics.Others).Add(Tally.Invalidation);
        }
    }

    private static string KindOf(in BackplaneMessage message) => message.Kind switch
    {
        MessageKind.KeyChanged => "key",
        MessageKind.TagInvalidated => "tag",
        MessageKind.PatternInvalidated => "pattern",
        _ => "level",
    };

    /// <summary>A load that has perhaps waited for another node's knows what becomes of it.</summary>
    private LoadStart<T> Counted<T>(Load<T> load, long? waitsSince, LoadStart<T> start)
    {
        if (waitsSince is { } since && _metrics.LeaseWait.Enabled)
        {
            var outcome = start.Found.IsValid ? "found" : start.Lease.IsHeld ? "leased" : start.IsUnanswered ? "unanswered" : "given_up";
            _metrics.LeaseWait.Record(_clock.Provider.GetElapsedTime(since).TotalSeconds, load.Flight.Key.Scope.Labels.With(LarderMetrics.Tag(AttributeNames.Outcome, outcome)));
        }

        return start;
    }

    /// <summary>Whether it is to be known how long locks are waited for.</summary>
    public bool MeasuresLocks => _metrics.LockWait.Enabled;

    /// <summary>A caller has waited for a lock, perhaps not at all.</summary>
    public void CountLockWait(ScopeState scope, long began, string outcome)
    {
        if (_metrics.LockWait.Enabled)
        {
            _metrics.LockWait.Record(_clock.Provider.GetElapsedTime(began).TotalSeconds, scope.Labels.With(LarderMetrics.Tag(AttributeNames.Outcome, outcome)));
        }
    }

    private void CountDeparture(MemoryEntry entry, EntryDeparture departure)
    {
        if (_metrics.Departures.Enabled)
        {
            var reason = departure switch
            {
                EntryDeparture.Replaced => "replaced",
                EntryDeparture.Removed => "removed",
                EntryDeparture.Invalidated => "invalidated",
                EntryDeparture.Expired => "expired",
                _ => "evicted",
            };
            _metrics.Departures.Add(1, entry.Scope.Labels.With(LarderMetrics.Tag(AttributeNames.Reason, reason)));
        }
    }
}
