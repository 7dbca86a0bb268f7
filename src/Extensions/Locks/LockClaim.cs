using Larder.Engine;

namespace Larder.Locks;

/// <summary>What somebody wants to lock.</summary>
/// <param name="Scope">The scope.</param>
/// <param name="Name">The name in it.</param>
/// <param name="Key">The physical name.</param>
/// <param name="Owner">A random number of this claim.</param>
/// <param name="Lease">When the lock ends at the server if it is not prolonged.</param>
/// <param name="IsShared">Whether a server keeps it.</param>
internal sealed record LockClaim(ScopeState Scope, string Name, string Key, long Owner, TimeSpan Lease, bool IsShared)
{
    /// <summary>For how long a command that took or prolonged the lock proves that it is held, from before it was sent.</summary>
    public TimeSpan ProvenFor => Lease * 0.9;

    public (bool IsLocal, string Key) QueueName => (!IsShared, Key);
}
