namespace Larder.Consistency.Checking;

/// <summary>What a writer did.</summary>
internal enum Change
{
    RemoveKey,
    SetKey,
    RemoveTag,
    ClearNamespace,
    ClearProject,
    ClearTenant,
    ClearEverything,
}

/// <summary>
/// An invalidation that has completed: from before the version was raised until the caller had its answer, in ticks of the
/// machine's monotonic clock, which all its processes share.
/// </summary>
internal struct ChangeEvent
{
    public Change Change;
    public int Node;
    public int Counter;
    public long Version;
    public long Write;
    public long Start;
    public long End;
}

/// <summary>A read that did not return the newest versions there were when it began. It may be right all the same.</summary>
internal struct ReadEvent
{
    public int Node;
    public int Key;
    public bool Final;
    public long Start;
    public long End;
    public Versions Seen;
}

/// <summary>A time during which a node, or all of them (-1), may be late, and how long after it.</summary>
internal readonly record struct Disturbance(string Cause, int Node, long From, long To, TimeSpan Grace)
{
    /// <summary>Something happened that excuses nobody.</summary>
    public const int Nobody = -2;
}
