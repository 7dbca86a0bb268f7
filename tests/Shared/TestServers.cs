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

    /// <summary>The shared Redis server.</summary>
    public static Task<Server> RedisAsync(CancellationToken cancellationToken = default) => Redis.Value.WaitAsync(cancellationToken);

    /// <summary>The shared Valkey server.</summary>
    public static Task<Server> ValkeyAsync(CancellationToken cancellationToken = default) => Valkey.Value.WaitAsync(cancellationToken);

    /// <summary>A single server of the test's own, which it may kill. The test disposes it.</summary>
    public static Task<Server> StartNewAsync(ServerKind kind, ServerOptions? options = null, CancellationToken cancellationToken = default) =>
        Server.StartAsync(kind, options, cancellationToken);

    private static Lazy<Task<T>> Shared<T>(Func<Task<T>> start) => new(() => Task.Run(start));
}
