namespace Larder.Consistency.Faults;

/// <summary>What is done to the servers and nodes while the workers go on.</summary>
[Flags]
internal enum FaultKind
{
    None = 0,

    /// <summary>Batches of the backplane are lost on the way to a node.</summary>
    Drop = 1 << 0,

    /// <summary>Batches overtake each other on the way to a node.</summary>
    Reorder = 1 << 1,

    /// <summary>The servers close all subscriptions.</summary>
    Subscriptions = 1 << 2,

    /// <summary>The servers close all connections.</summary>
    Connections = 1 << 3,

    /// <summary>All keys go, stamps and leases with them.</summary>
    Flush = 1 << 4,

    /// <summary>The servers have too little memory for all keys and evict the least used.</summary>
    Evict = 1 << 5,

    /// <summary>The servers stand still (SIGSTOP).</summary>
    Freeze = 1 << 6,

    /// <summary>A server is killed and started again, empty.</summary>
    Restart = 1 << 7,

    /// <summary>A replica takes over in good order.</summary>
    Failover = 1 << 8,

    /// <summary>A master is killed and its replica takes over.</summary>
    KillMaster = 1 << 9,

    /// <summary>A node process stands still (SIGSTOP).</summary>
    Pause = 1 << 10,

    /// <summary>A node process is killed (SIGKILL) and another starts.</summary>
    Kill = 1 << 11,

    All = (1 << 12) - 1,
}
