namespace Larder;

/// <summary>An entry has left this node's memory.</summary>
/// <param name="Scope">The scope it belonged to.</param>
/// <param name="Key">Its key.</param>
/// <param name="Reason">Why it left.</param>
/// <param name="At">When.</param>
public readonly record struct CacheEviction(CacheScope Scope, string Key, CacheEvictionReason Reason, DateTimeOffset At);

/// <summary>Why an entry has left this node's memory.</summary>
public enum CacheEvictionReason
{
    /// <summary>This node's copy had reached its end. That is noticed by the next read of the key, or within a minute.</summary>
    Expired,

    /// <summary>Memory was full, and others were of more use.</summary>
    Capacity,

    /// <summary>The key was removed, alone or with others that fit a pattern, here or on another node, or was set on another node.</summary>
    Removed,

    /// <summary>Another value was stored under the key.</summary>
    Replaced,

    /// <summary>A tag or a level it belonged to was invalidated. That is noticed by the next read of the key, or within a minute, or by a purge.</summary>
    Invalidated,
}
