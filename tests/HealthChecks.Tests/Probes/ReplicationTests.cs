using System.Globalization;
using Larder.Tests.Shared;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Xunit;

namespace Larder.Tests;

/// <summary>Masters, replicas, clusters and sentinels.</summary>
public sealed class ReplicationTests
{
    [ServerTheory(ServerKind.Redis, ServerKind.Valkey)]
    [InlineData(ServerKind.Redis)]
    [InlineData(ServerKind.Valkey)]
    public async Task A_lost_replica_is_degraded_until_it_is_back(ServerKind kind)
    {
        var options = new ServerOptions { Lines = ["repl-diskless-sync yes", "repl-diskless-sync-delay 0"] };
        await using var master = await TestServers.StartNewAsync(kind, options);
        await using var replica = await TestServers.StartNewAsync(kind, options);
        await using var app = await HealthApp.WatchAsync(master.ConnectionString, HealthStatus.Unhealthy);
        await FollowAsync();
        await app.UntilAsync((_, answer) => HealthApp.Probe(answer, "replication").GetProperty("replicas").GetInt32() == 1, "the replica follows");
        await app.UntilAsync(HealthStatus.Healthy);

        await replica.KillAsync();
        await app.UntilAsync(
            (status, answer) => status == 200 && HealthApp.Says(answer, "replication", "Degraded") && HealthApp.Probe(answer, "replication").GetProperty("description").GetString() == "0 of 1 replicas follow.", "the replica is missed");

        await replica.RestartAsync();
        await FollowAsync();
        var back = await app.UntilAsync("replication", "Healthy");
        Assert.InRange(back.GetProperty("lagSeconds").GetInt64(), 0, 10);

        Task FollowAsync() => replica.CommandAsync("REPLICAOF", "127.0.0.1", master.Port.ToString(CultureInfo.InvariantCulture));
    }

    [ServerFact(ServerKind.Redis)]
    public async Task Replicas_that_are_expected_are_missed_from_the_start()
    {
        var server = await TestServers.RedisAsync();
        await using var app = await HealthApp.WatchAsync(server.ConnectionString, configure: options => options.ExpectedReplicas = 2);

        var said = await app.UntilAsync("replication", "Degraded");
        Assert.Equal("0 of 2 replicas follow.", said.GetProperty("description").GetString());
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_replica_that_hangs_back_is_degraded()
    {
        var options = new ServerOptions { Lines = ["repl-diskless-sync yes", "repl-diskless-sync-delay 0", "repl-timeout 3600"] };
        await using var master = await TestServers.StartNewAsync(ServerKind.Redis, options);
        await using var replica = await TestServers.StartNewAsync(ServerKind.Redis, options);
        await replica.CommandAsync("REPLICAOF", "127.0.0.1", master.Port.ToString(CultureInfo.InvariantCulture));
        await using var app = await HealthApp.WatchAsync(master.ConnectionString, configure: health => health.MaximumReplicationLag = TimeSpan.FromSeconds(3));
        await app.UntilAsync((_, answer) => HealthApp.Probe(answer, "replication").GetProperty("replicas").GetInt32() == 1, "the replica follows");

        await replica.SuspendAsync();
        var said = await app.UntilAsync("replication", "Degraded");
        Assert.Contains("has not been heard", said.GetProperty("description").GetString(), StringComparison.Ordinal);

        replica.Resume();
        await app.UntilAsync("replication", "Healthy");
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_master_that_became_a_replica_does_not_serve()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var app = await HealthApp.WatchAsync(server.ConnectionString, HealthStatus.Unhealthy);
        await app.UntilAsync(HealthStatus.Healthy);

        await server.SetReadOnlyAsync(true);
        await app.UntilAsync(HealthStatus.Unhealthy);
        await app.UntilAsync("roundTrip", "Degraded");

        await server.SetReadOnlyAsync(false);
        await app.UntilAsync(HealthStatus.Healthy);
    }

    [ServerTheory(ServerKind.RedisCluster, ServerKind.ValkeyCluster)]
    [InlineData(ServerKind.RedisCluster)]
    [InlineData(ServerKind.ValkeyCluster)]
    public async Task A_cluster_is_degraded_without_a_replica_and_unhealthy_without_a_slot(ServerKind kind)
    {
        await using var cluster = await TestServers.StartNewClusterAsync(kind);
        await using var app = await HealthApp.WatchAsync(cluster.ConnectionString, HealthStatus.Unhealthy, TimeSpan.FromSeconds(1));
        await app.UntilAsync(HealthStatus.Healthy);
        await app.UntilAsync((_, answer) => HealthApp.Probe(answer, "cluster").GetProperty("slotsOwned").GetInt32() == 16_384, "all slots are owned");

        var replica = await cluster.ReplicaOfAsync(0);
        var master = await cluster.MasterOfAsync(0);
        await replica.KillAsync();
        await app.UntilAsync(
            (status, answer) => status == 200 && HealthApp.Says(answer, "cluster", "Degraded")
                && HealthApp.Probe(answer, "cluster").GetProperty("description").GetString() == "1 nodes of the cluster are lost; all slots are served.",
            "the replica is missed");

        // Frozen rather than killed: it may be writing down that its replica is lost, and half a file would keep it from starting again.
        await master.SuspendAsync();
        await app.UntilAsync(
            (status, answer) => status == 503 && HealthApp.Says(answer, "cluster", "Unhealthy") && HealthApp.Probe(answer, "cluster").GetProperty("slotsOwned").GetInt32() is >= 1 and <= 16_383, "slots are missed");

        master.Resume();
        await cluster.RestoreAsync();
        await app.UntilAsync(HealthStatus.Healthy);
    }

    [ServerFact(ServerKind.RedisCluster)]
    public async Task After_a_failover_the_dead_master_is_a_lost_node_and_the_server_is_healthy()
    {
        await using var cluster = await TestServers.StartNewClusterAsync(ServerKind.RedisCluster);
        await using var app = await HealthApp.WatchAsync(cluster.ConnectionString);
        await app.UntilAsync(HealthStatus.Healthy);

        await cluster.KillMasterAsync(0);

        // In one answer: for a moment the client knows that the dead one is no master any more, and not yet that the new one is.
        await app.UntilAsync((_, answer) => HealthApp.Says(answer, "server", "Healthy") && HealthApp.Probe(answer, "server").GetProperty("masters").GetInt32() == 3, "three masters answer");
        await app.UntilAsync("roundTrip", "Healthy");
        Assert.Equal(1, (await app.UntilAsync("cluster", "Degraded")).GetProperty("failedNodes").GetInt32());

        await cluster.RestoreAsync();
        await app.UntilAsync(HealthStatus.Healthy);
    }

    [ServerFact(ServerKind.Sentinel)]
    public async Task A_failover_is_degraded_while_it_lasts()
    {
        await using var group = await TestServers.StartNewSentinelAsync();
        await using var app = await HealthApp.WatchAsync(group.ConnectionString);
        await app.UntilAsync(HealthStatus.Healthy);
        await app.UntilAsync((_, answer) => HealthApp.Probe(answer, "sentinel").GetProperty("watching").GetInt32() == 3, "all sentinels watch");

        // One sentinel alone may not replace a master, so the failover lasts until the others are back.
        var master = await group.MasterAsync();
        await group.Sentinels[0].KillAsync();
        await group.Sentinels[1].KillAsync();
        await master.KillAsync();
        await app.UntilAsync("server", "Unhealthy");
        Assert.Equal("Degraded", await app.StatusAsync());

        await group.RestoreSentinelsAsync();
        await app.UntilAsync("server", "Healthy");
        await group.RestoreAsync();
        await app.UntilAsync(HealthStatus.Healthy);
    }

    [ServerFact(ServerKind.Sentinel)]
    public async Task Too_few_sentinels_to_replace_the_master_are_degraded()
    {
        await using var group = await TestServers.StartNewSentinelAsync();
        await using var app = await HealthApp.WatchAsync(group.ConnectionString);
        await app.UntilAsync(HealthStatus.Healthy);

        await group.Sentinels[0].KillAsync();
        await group.Sentinels[1].KillAsync();
        var said = await app.UntilAsync("sentinel", "Degraded");
        Assert.Equal("1 of 3 sentinels watch the master, too few to replace it.", said.GetProperty("description").GetString());

        await group.RestoreAsync();
        await app.UntilAsync(HealthStatus.Healthy);
    }
}
