using Larder.Engine;

namespace Larder.Counters;

/// <summary>The counters an application injects, seen in one scope or in that of the running call.</summary>
internal sealed class CacheCounters(CountStore store, CacheScope? scope) : ICacheCounters
{
    public CountStore Store { get; } = store;

    /// <summary>The scope of this view, or null for the ambient one.</summary>
    public CacheScope? Scope { get; } = scope;

    private ScopeState State => Store.Scope(Scope ?? CacheScope.Current);

    /// <exception cref="ArgumentException">The counters are not Larder's.</exception>
    public static CacheCounters From(ICacheCounters counters)
    {
        ArgumentNullException.ThrowIfNull(counters);
        return counters as CacheCounters ?? throw new ArgumentException($"{counters.GetType()} is not Larder's. Inject ICacheCounters.", nameof(counters));
    }

    public ICacheCounters InScope(CacheScope scope)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new CacheCounters(Store, scope);
    }

    public ValueTask<long> IncrementAsync(string key, long amount = 1, CounterOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        cancellationToken.ThrowIfCancellationRequested();
        var state = State;
        return Store.AddAsync(state, key, amount, Expiration(state, options), options?.IsSliding ?? false);
    }

    public ValueTask<long> DecrementAsync(string key, long amount = 1, CounterOptions? options = null, CancellationToken cancellationToken = default) =>
        amount == long.MinValue
            ? throw new OverflowException("The amount cannot be subtracted: its opposite does not fit into 64 bits. The counter is unchanged.")
            : IncrementAsync(key, -amount, options, cancellationToken);

    public ValueTask<long> GetAsync(string key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        cancellationToken.ThrowIfCancellationRequested();
        return Store.GetAsync(State, key);
    }

    public ValueTask ResetAsync(string key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        cancellationToken.ThrowIfCancellationRequested();
        return Store.ResetAsync(State, key);
    }

    private static TimeSpan Expiration(ScopeState state, CounterOptions? options)
    {
        // Entries may live for ever, counters nearly so.
        var expiration = options?.Expiration ?? (state.Defaults.Expiration < CountStore.LongestLife ? state.Defaults.Expiration : CountStore.LongestLife);
        if (expiration <= TimeSpan.Zero || expiration > CountStore.LongestLife)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), expiration, "A counter must live longer than zero and at most 36,500 days. Where the default expiration is zero, CounterOptions.Expiration must be given.");
        }

        return expiration;
    }
}
