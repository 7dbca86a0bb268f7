using Larder.Tests.Shared;

namespace Larder.Resilience.Faults;

/// <summary>A row of the matrix.</summary>
internal sealed record Scenario(string Name, string Summary, Func<ServerKind, Fault> Make)
{
    private static readonly ServerKind[] Both = [ServerKind.Redis, ServerKind.Valkey];

    public IReadOnlyList<ServerKind> Kinds { get; init; } = Both;

    /// <summary>How long the fault lasts in a long run, if not as long as the phase before it.</summary>
    public TimeSpan? Lasts { get; init; }

    public static IReadOnlyList<Scenario> All { get; } =
    [
        new("killed", "SIGKILL; later started again on its port", kind => new Killed(kind)),
        new("restarted", "killed and started again at once, every two seconds", kind => new Restarted(kind)),
        new("stopped", "SIGSTOP, later SIGCONT", kind => new Stopped(kind)) { Lasts = TimeSpan.FromSeconds(30) },
        new("slow", "every answer 200 ms late", kind => new Slow(kind, TimeSpan.FromMilliseconds(200))),
        new("very-slow", "every answer 2 s late", kind => new Slow(kind, TimeSpan.FromSeconds(2))),
        new("oom", "memory full: writes get OOM", kind => new OutOfMemory(kind)),
        new("read-only", "made a replica: writes get READONLY", kind => new ReadOnly(kind)),
        new("cluster-failover", "a master is killed", kind => new ClusterFailover(kind)) { Kinds = [ServerKind.RedisCluster, ServerKind.ValkeyCluster] },
        new("sentinel-failover", "the master is killed", _ => new SentinelFailover()) { Kinds = [ServerKind.Sentinel] },
        new("auth-changed", "password changed, clients thrown out", kind => new PasswordChanged(kind)),
        new("acl-changed", "the user's password changed, clients thrown out", kind => new UserChanged(kind)),
        new("refused-at-start", "not there when the application starts", kind => new RefusedAtStart(kind)),
        new("flushed", "FLUSHALL four times a second", kind => new Flushed(kind)),
        new("large", "values of 5 MB, allowed by the options", kind => new LargeValues(kind, allowed: true)),
        new("large-refused", "values of 5 MB, with the default limit of 1 MiB", kind => new LargeValues(kind, allowed: false)),
        new("serializer-write", "a serializer throws on write", kind => new SerializerFails(kind, onWrite: true)),
        new("serializer-read", "a serializer throws on read", kind => new SerializerFails(kind, onWrite: false)),
    ];

    /// <exception cref="FormatException">There is no such scenario.</exception>
    public static Scenario Find(string name) =>
        All.FirstOrDefault(scenario => scenario.Name == name) ?? throw new FormatException($"There is no scenario '{name}'. There are: {string.Join(", ", All.Select(scenario => scenario.Name))}.");
}
