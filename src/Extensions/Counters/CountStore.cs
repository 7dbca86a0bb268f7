using Larder.Engine;

namespace Larder.Counters;

/// <summary>Where counts are kept: at the server, or in this process; and what happens when the first does not answer.</summary>
internal sealed class CountStore(CacheEngine engine, RedisCounts? server, bool isShared, LarderOptions options)
{
    public static readonly TimeSpan LongestLife = TimeSpan.FromDays(36_500);

    private const string NotCounted =
        "The counter could not be changed or read: the second level did not answer. It may have counted all the same. Set LarderOptions.CountOnThisNodeWithoutServer to count on this node alone meanwhile.";

    private readonly LocalCounts _local = new(engine.Clock, options.MaximumMemoryEntries);

    /// <summary>Whether each answer needs a server.</summary>
    public bool AsksServer => server is not null;

    public EngineClock Clock => engine.Clock;

    public static OverflowException Overflow() => new("The counter's new value would not fit into 64 bits. The counter is unchanged.");

    public ScopeState Scope(CacheScope scope) => engine.Scope(scope);

    public string PhysicalKey(CacheScope scope, string key) => Scope(scope).PhysicalKey(key);

    /// <exception cref="NotSupportedException">Nodes share a store here that cannot add.</exception>
    public void ThrowIfUnsupported()
    {
        if (server is null && isShared && !options.CountOnThisNodeWithoutServer)
        {
            throw new NotSupportedException(
                "Counters and rate limiters need a Redis or Valkey server (UseRedis), or memory alone: this cache's store has no atomic addition, so nodes cannot count together. "
                + "Set LarderOptions.CountOnThisNodeWithoutServer if each process may count for itself.");
        }
    }

    public async ValueTask<long> AddAsync(ScopeState scope, string key, long amount, TimeSpan expiration, bool sliding)
    {
        ThrowIfUnsupported();
        var name = scope.PhysicalKey(key);
        if (server is not null)
        {
            var answer = await AskAsync(
                scope, expiration, isRead: false, static (server, s, stamp) => server.AddAsync(s.name, stamp, s.amount, s.expiration, s.sliding), (name, amount, expiration, sliding)).ConfigureAwait(false);
            if (answer.Succeeded)
            {
                return answer.Value ?? throw Overflow();
            }

            ThrowIfNotHere(answer.Failure);
        }

        return _local.Add(scope, name, amount, expiration, sliding);
    }

    public async ValueTask<long> GetAsync(ScopeState scope, string key)
    {
        ThrowIfUnsupported();
        var name = scope.PhysicalKey(key);
        if (server is not null)
        {
            var answer = await AskAsync(scope, TimeSpan.Zero, isRead: true, static (server, name, stamp) => server.GetAsync(name, stamp), name).ConfigureAwait(false);
            if (answer.Succeeded)
            {
                return answer.Value;
            }

            ThrowIfNotHere(answer.Failure);
        }

        return _local.Get(name);
    }

    public async ValueTask ResetAsync(ScopeState scope, string key)
    {
        ThrowIfUnsupported();
        var name = scope.PhysicalKey(key);

        // Also with a server: it may hold what was counted while that was away.
        _local.Reset(name);
        if (server is not null)
        {
            var answer = await AskAsync(scope, TimeSpan.Zero, isRead: false, static (server, name, stamp) => server.ResetAsync(name, stamp), name).ConfigureAwait(false);
            if (!answer.Succeeded)
            {
                ThrowIfNotHere(answer.Failure);
            }
        }
    }

    /// <summary>Null if nobody could say: the server is away, or memory is full.</summary>
    public async ValueTask<WindowState?> AcquireAsync(WindowKind kind, ScopeState scope, string key, int permits, int limit, TimeSpan window)
    {
        if (server is null)
        {
            return AcquireHere(kind, scope, key, permits, limit, window);
        }

        var answer = await AskAsync(
            scope, window * 2, isRead: false, static (server, s, stamp) => server.AcquireAsync(s.kind, s.name, stamp, s.permits, s.limit, s.window), (kind, name: scope.PhysicalKey(key), permits, limit, window)).ConfigureAwait(false);
        return answer.Succeeded ? answer.Value
            : options.CountOnThisNodeWithoutServer ? AcquireHere(kind, scope, key, permits, limit, window)
            : null;
    }

    public WindowState? AcquireHere(WindowKind kind, ScopeState scope, string key, int permits, int limit, TimeSpan window) =>
        _local.Acquire(kind, scope, scope.PhysicalKey(key), permits, limit, window);

    private async ValueTask<Answer<T>> AskAsync<TState, T>(ScopeState scope, TimeSpan life, bool isRead, Func<RedisCounts, TState, long, Task<T>> call, TState state)
    {
        // From this node's memory, unless it has to find out. The stamp outlives the count, or the count would be lost with it.
        var stamp = await engine.ScopeStampAsync(scope, life).ConfigureAwait(false);
        return stamp == 0
            ? new Answer<T>(false, default, engine.SecondLevelGuard!.LastFailure)
            : await engine.AskAsync("count", static s => s.call(s.server, s.state, s.stamp), (server: server!, call, state, stamp), isRead).ConfigureAwait(false);
    }

    private void ThrowIfNotHere(Exception? failure)
    {
        if (!options.CountOnThisNodeWithoutServer)
        {
            throw new SecondLevelException(NotCounted, failure);
        }
    }
}
