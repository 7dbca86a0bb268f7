namespace Larder;

/// <summary>
/// Locks that one holder has at a time: on all nodes where there is a Redis or Valkey server, in this process where there is only memory. A name belongs to the
/// ambient <see cref="CacheScope"/>. See <c>docs/locks.md</c> for what a lock can and cannot promise.
/// </summary>
public interface ICacheLocks
{
    /// <summary>Takes a lock, waiting for it as long as <see cref="CacheLockOptions.Timeout"/> says; without one, until it is free.</summary>
    /// <param name="name">The lock's name within its scope. It has nothing to do with the entry of that key.</param>
    /// <param name="options">How long to wait, and for how long the lock outlives a holder that has died. Default: those of <see cref="CacheLockOptions"/>.</param>
    /// <param name="cancellationToken">Ends the wait and leaves nothing behind. A command that is under way is awaited first, for <see cref="LarderOptions.SecondLevelTimeout"/> at most.</param>
    /// <returns>The lock. Dispose of it to give it back.</returns>
    /// <exception cref="TimeoutException">It was not free in time.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    /// <exception cref="SecondLevelException">The server did not answer, so nobody knows whether the lock is free; it was not taken.</exception>
    /// <exception cref="NotSupportedException">The cache's store has no atomic operation to lock with.</exception>
    ValueTask<ICacheLock> AcquireAsync(string name, CacheLockOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>Takes a lock if it is free, or becomes free within <see cref="CacheLockOptions.Timeout"/>; without one, it does not wait.</summary>
    /// <inheritdoc cref="AcquireAsync"/>
    /// <returns>The lock, or null if another has it.</returns>
    ValueTask<ICacheLock?> TryAcquireAsync(string name, CacheLockOptions? options = null, CancellationToken cancellationToken = default);

    /// <summary>The same locks, in <paramref name="scope"/> whatever the ambient scope is.</summary>
    /// <param name="scope">The scope.</param>
    ICacheLocks InScope(CacheScope scope);
}
