using Larder.Tests.Shared;

namespace Larder.Resilience.Tests;

/// <summary>Another server takes over.</summary>
[Collection(OneAfterTheOther.Name)]
public sealed class FailoverTests
{
    [ServerFact(ServerKind.RedisCluster)]
    public Task A_master_of_a_Redis_cluster_is_killed() => ShortRun.HoldsAsync("cluster-failover", ServerKind.RedisCluster);

    [ServerFact(ServerKind.ValkeyCluster)]
    public Task A_master_of_a_Valkey_cluster_is_killed() => ShortRun.HoldsAsync("cluster-failover", ServerKind.ValkeyCluster);

    [ServerFact(ServerKind.Sentinel)]
    public Task The_master_under_sentinels_is_killed() => ShortRun.HoldsAsync("sentinel-failover", ServerKind.Sentinel);
}
