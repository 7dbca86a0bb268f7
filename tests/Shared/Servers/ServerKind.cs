namespace Larder.Tests.Shared;

/// <summary>The second levels that tests run against.</summary>
public enum ServerKind
{
    /// <summary>One Redis server.</summary>
    Redis,

    /// <summary>One Valkey server.</summary>
    Valkey,

    /// <summary>Three Redis masters with one replica each.</summary>
    RedisCluster,

    /// <summary>Three Valkey masters with one replica each.</summary>
    ValkeyCluster,

    /// <summary>A Redis master and its replica, watched by three sentinels.</summary>
    Sentinel,
}
