namespace Larder.Tests.Shared;

/// <summary>The servers of this test process: each is started when first asked for, then shared until the process ends.</summary>
/// <remarks>
/// Shared servers are for tests that only store and read: use keys of your own, and leave the server as it was.
/// A test that kills, freezes or reconfigures a server starts one of its own with <c>StartNewAsync</c>.
/// </remarks>
public static class TestServers
{
    private static readonly Lazy<Task<Server>> Redis = Shared(() => Server.StartAsync(ServerKind.Redis));
    private static readonly Lazy<Task<Server>> Valkey = Shared(() => Server.StartAsync(ServerKind.Valkey));
    private static readonly Lazy<Task<ServerCluster>> RedisCluster = Shared(() => ServerCluster.StartAsync(ServerKind.RedisCluster));
    private static readonly Lazy<Task<ServerCluster>> ValkeyCluster = Shared(() => ServerCluster.StartAsync(ServerKind.ValkeyCluster));
    private static readonly Lazy<Task<SentinelGroup>> Sentinel = Shared(() => SentinelGroup.StartAsync());

    /// <summary>The shared Redis server.</summary>
    public static Task<Server> RedisAsync(CancellationToken cancellationToken = default) => Redis.Value.WaitAsync(cancellationToken);

    /// <summary>The shared Valkey server.</summary>
    public static Task<Server> ValkeyAsync(CancellationToken cancellationToken = default) => Valkey.Value.WaitAsync(cancellationToken);

    /// <summary>The shared Redis cluster.</summary>
    public static Task<ServerCluster> RedisClusterAsync(CancellationToken cancellationToken = default) =>
        RedisCluster.Value.WaitAsync(cancellationToken);

    /// <summary>The shared Valkey cluster.</summary>
    public static Task<ServerCluster> ValkeyClusterAsync(CancellationToken cancellationToken = default) =>
        ValkeyCluster.Value.WaitAsync(cancellationToken);

    /// <summary>The shared sentinel group.</summary>
    public static Task<SentinelGroup> SentinelAsync(CancellationToken cancellationToken = default) => Sentinel.Value.WaitAsync(cancellationToken);

    /// <summary>The shared server of a kind, for contracts that run on several.</summary>
    public static async Task<ITestServer> GetAsync(ServerKind kind, CancellationToken cancellationToken = default) => kind switch
    {
        ServerKind.Redis => await RedisAsync(cancellationToken),
        ServerKind.Valkey => await ValkeyAsync(cancellationToken),
        ServerKind.RedisCluster => await RedisClusterAsync(cancellationToken),
        ServerKind.ValkeyCluster => await ValkeyClusterAsync(cancellationToken),
        ServerKind.Sentinel => await SentinelAsync(cancellationToken),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    /// <summary>A single server of the test's own, which it may kill. The test disposes it.</summary>
    public static Task<Server> StartNewAsync(ServerKind kind, ServerOptions? options = null, CancellationToken cancellationToken = default) =>
        Server.StartAsync(kind, options, cancellationToken);

    /// <summary>A cluster of the test's own, which it may break. The test disposes it.</summary>
    public static Task<ServerCluster> StartNewClusterAsync(ServerKind kind, CancellationToken cancellationToken = default) =>
        ServerCluster.StartAsync(kind, cancellationToken);

    /// <summary>A sentinel group of the test's own, which it may break. The test disposes it.</summary>
    public static Task<SentinelGroup> StartNewSentinelAsync(CancellationToken cancellationToken = default) =>
        SentinelGroup.StartAsync(cancellationToken);

    // On the thread pool, so that a test's synchronization context does not outlive the test inside a shared start.
    private static Lazy<Task<T>> Shared<T>(Func<Task<T>> start) => new(() => Task.Run(start));
}
