namespace Larder;

/// <summary>A lock that is held. It is prolonged by itself until it is disposed of, which gives it back and never throws.</summary>
public interface ICacheLock : IAsyncDisposable
{
    /// <summary>The lock's name within its scope.</summary>
    string Name { get; }

    /// <summary>
    /// A number higher than that of every holder before. Send it with each write, and let the store refuse one that is lower than the highest it has seen: that stops
    /// a holder that has lost the lock and does not know yet. It is the time in microseconds, or one more than the last where that is higher.
    /// </summary>
    long FencingToken { get; }

    /// <summary>
    /// Whether this process can still prove that it holds the lock, by its own clock. False once it has been disposed of. A process that was suspended finds the
    /// truth here before <see cref="LostToken"/> could be told.
    /// </summary>
    bool IsHeld { get; }

    /// <summary>
    /// Cancelled when the lock can no longer be proven to be held: the server did not confirm it in time, has lost it, or the cache was disposed of. This comes
    /// before another can get it, unless the whole process stood still. Not cancelled by disposing of the lock.
    /// </summary>
    CancellationToken LostToken { get; }
}
