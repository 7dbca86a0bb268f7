namespace Larder.Locks;

/// <summary>What a server does for locks, each in one step.</summary>
internal interface ILockServer
{
    /// <param name="key">The lock's physical name.</param>
    /// <param name="owner">A random number of whoever asks.</param>
    /// <param name="lease">When the lock ends if it is not prolonged, from the moment the server takes it.</param>
    /// <param name="waits">Whether whoever asks will wait, so that the holder has to tell when it is done.</param>
    Task<LockAnswer> TryAcquireAsync(string key, long owner, TimeSpan lease, bool waits);

    /// <summary>Prolongs the lock; false if it is not this owner's any more.</summary>
    Task<bool> RenewAsync(string key, long owner, TimeSpan lease);

    /// <summary>Gives the lock back if it is this owner's. Says whether somebody waits for it.</summary>
    Task<bool> ReleaseAsync(string key, long owner);
}

/// <param name="FencingToken">The holder's number, or zero if the lock was not given.</param>
/// <param name="EndsIn">If not: when it ends unless it is prolonged.</param>
internal readonly record struct LockAnswer(long FencingToken, TimeSpan EndsIn)
{
    public bool IsGranted => FencingToken != 0;
}
