namespace Larder.PipelinesSockets.Tests.Redis;

/// <summary>A fact that needs redis-server: skipped visibly where servers are switched off, failing where one is only missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RedisFactAttribute : FactAttribute
{
    public RedisFactAttribute() => Skip = Servers.SkipReason;

    /// <summary>For what only /proc tells.</summary>
    public bool LinuxOnly
    {
        get => false;
        set => Skip ??= value && !OperatingSystem.IsLinux() ? "reads /proc" : null;
    }
}

/// <summary>The theory that goes with <see cref="RedisFactAttribute"/>.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RedisTheoryAttribute : TheoryAttribute
{
    public RedisTheoryAttribute() => Skip = Servers.SkipReason;
}

internal static class Servers
{
    public const string Switch = "LARDER_TEST_SERVERS";

    public static string? SkipReason
        => Environment.GetEnvironmentVariable(Switch) == "none" ? $"{Switch}=none: no server is started" : null;
}
