namespace Larder;

/// <summary>How a lock is taken.</summary>
public sealed class CacheLockOptions
{
    /// <summary>
    /// How long to wait for the lock. Default null: <see cref="ICacheLocks.AcquireAsync"/> waits until it is free, <see cref="ICacheLocks.TryAcquireAsync"/>
    /// not at all. From zero to 49 days, or <see cref="System.Threading.Timeout.InfiniteTimeSpan"/>.
    /// </summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>
    /// For how long the lock outlives a holder that has died or lost the server. A living holder prolongs it every third of this. Default 15 seconds. From 1 second to
    /// 10 minutes. Of no meaning in memory, where the lock ends with the process.
    /// </summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Whether only callers in this process exclude each other, so that no server is asked. Default false. Such a lock and a shared one of the same name are two locks.
    /// It is the only kind there is over stores without atomic operations.
    /// </summary>
    public bool IsLocal { get; init; }
}
