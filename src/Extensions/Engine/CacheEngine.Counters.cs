namespace Larder.Engine;

/// <remarks>What counters need of the engine: they stand at the same server, behind the same breaker, and end with the same clears.</remarks>
internal sealed partial class CacheEngine
{
    /// <summary>Whether anything lies behind memory.</summary>
    public bool HasSecondLevel => _second is not null;

    public Guard? SecondLevelGuard => _second?.Guard;

    /// <summary>The stamp of the scope's levels, which the server keeps longer than <paramref name="life"/>; zero when it cannot be had.</summary>
    public ValueTask<long> ScopeStampAsync(ScopeState scope, TimeSpan life) => _stamps!.GetAsync(scope, life);

    /// <summary>A call to the server with the timeout of its kind, refused while the breaker is open.</summary>
    public ValueTask<Answer<T>> AskAsync<TState, T>(string operation, Func<TState, Task<T>> call, TState state, bool isRead, Action<Task<T>>? onLate = null) =>
        _second!.AskAsync(operation, call, state, isRead, onLate);
}
