using Larder.Engine;

namespace Larder.Diagnostics;

/// <summary>The counts of all scopes of a node, where statistics are on.</summary>
/// <remarks>
/// <para><b>Bounded.</b> Tenants come and go, so at most <see cref="MaximumScopes"/> scopes are told apart. When there are more, the counts of scopes that
/// nothing here refers to any more (their <see cref="ScopeState"/> is collected) are added to <see cref="Others"/> and forgotten; if none is, a new scope counts there
/// for as long as its state lives. Totals are exact all the same.</para>
/// <para><b>Nothing is lost.</b> Whoever counts for a scope has its state, so a collected state counts no more. There are never two living states of a name
/// (<see cref="WeakTable{T}"/>), and attaching one and dropping another happen under one lock.</para>
/// </remarks>
internal sealed class StatisticsTable(TimeProvider time, int maximumScopes = StatisticsTable.MaximumScopes)
{
    public const int MaximumScopes = 10_000;

    private readonly Dictionary<string, Record> _scopes = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private int _untilLook;
    private DateTimeOffset _since = time.GetUtcNow();

    /// <summary>What belongs to no scope that is told apart.</summary>
    public ScopeCounters Others { get; } = new();

    /// <summary>When counting began, or began anew.</summary>
    public DateTimeOffset Since
    {
        get
        {
            lock (_lock)
            {
                return _since;
            }
        }
    }

    /// <summary>Where a scope counts. The caller holds the state, which is the one in the engine's table.</summary>
    public ScopeCounters Attach(ScopeState state)
    {
        lock (_lock)
        {
            if (_scopes.TryGetValue(state.Id, out var known))
            {
                known.State.SetTarget(state);
                return known.Counters;
            }

            if (_scopes.Count >= maximumScopes && !MakeRoom())
            {
                return Others;
            }

            // A copy, because a scope that was used leads to its state.
            var scope = new CacheScope(state.Scope.Tenant, state.Scope.Project, state.Scope.Namespace);
            var record = new Record(scope, new ScopeCounters(), new WeakReference<ScopeState>(state));
            _scopes.Add(state.Id, record);
            return record.Counters;
        }
    }

    public IReadOnlyList<(CacheScope Scope, ScopeCounters Counters)> Scopes()
    {
        lock (_lock)
        {
            return [.. _scopes.Values.Select(record => (record.Scope, record.Counters))];
        }
    }

    public void Reset()
    {
        lock (_lock)
        {
            foreach (var record in _scopes.Values)
            {
                record.Counters.Reset();
            }

            Others.Reset();
            _since = time.GetUtcNow();
        }
    }

    // A look at all of them costs as much as there are, so in vain it is taken only once per so many new scopes.
    private bool MakeRoom()
    {
        if (_untilLook-- > 0)
        {
            return false;
        }

        foreach (var (id, record) in _scopes.Where(static pair => !pair.Value.State.TryGetTarget(out _)).ToArray())
        {
            record.Counters.MoveTo(Others);
            _scopes.Remove(id);
        }

        if (_scopes.Count < maximumScopes)
        {
            return true;
        }

        _untilLook = maximumScopes / 8;
        return false;
    }

    private sealed record Record(CacheScope Scope, ScopeCounters Counters, WeakReference<ScopeState> State);
}
