namespace Larder.Locks;

/// <summary>The locks an application injects, seen in one scope or in that of the running call.</summary>
internal sealed class CacheLocks(LockStore store, CacheScope? scope) : ICacheLocks
{
    private static readonly CacheLockOptions Defaults = new();
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromMilliseconds(uint.MaxValue - 1);

    public ICacheLocks InScope(CacheScope scope)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new CacheLocks(store, scope);
    }

    public ValueTask<ICacheLock> AcquireAsync(string name, CacheLockOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= Defaults;
        Check(name, options);
        return WaitAsync(AcquireAsync(name, options, options.Timeout ?? Timeout.InfiniteTimeSpan, cancellationToken), name, options.Timeout);
    }

    public ValueTask<ICacheLock?> TryAcquireAsync(string name, CacheLockOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= Defaults;
        Check(name, options);
        return AcquireAsync(name, options, options.Timeout ?? TimeSpan.Zero, cancellationToken);
    }

    // The scope is settled here, before anything is awaited.
    private ValueTask<ICacheLock?> AcquireAsync(string name, CacheLockOptions options, TimeSpan timeout, CancellationToken cancellationToken) =>
        store.AcquireAsync(store.Scope(scope ?? CacheScope.Current), name, options, timeout, cancellationToken);

    private static async ValueTask<ICacheLock> WaitAsync(ValueTask<ICacheLock?> acquiring, string name, TimeSpan? timeout) =>
        await acquiring.ConfigureAwait(false) ?? throw new TimeoutException(FormattableString.Invariant($"The lock '{Shown(name)}' was not free within {timeout}."));

    private static void Check(string name, CacheLockOptions options)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (options.Timeout is { } timeout && timeout != Timeout.InfiniteTimeSpan && (timeout < TimeSpan.Zero || timeout > LongestTimeout))
        {
            throw new ArgumentOutOfRangeException(nameof(options), timeout, "CacheLockOptions.Timeout must be from zero to 49 days, or Timeout.InfiniteTimeSpan.");
        }

        if (options.LeaseDuration < TimeSpan.FromSeconds(1) || options.LeaseDuration > TimeSpan.FromMinutes(10))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.LeaseDuration, "CacheLockOptions.LeaseDuration must be from 00:00:01 to 00:10:00.");
        }
    }

    private static string Shown(string name) => name.Length <= 64 ? name : name[..64] + "…";
}
