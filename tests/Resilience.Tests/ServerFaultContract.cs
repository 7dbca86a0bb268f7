using Larder.Tests.Shared;

namespace Larder.Resilience.Tests;

/// <summary>What befalls a single server. A call that fails, or waits for the server to come back, fails the test.</summary>
public abstract class ServerFaultContract(ServerKind kind)
{
    [ContractFact]
    public Task Killed_and_started_again() => ShortRun.HoldsAsync("killed", kind);

    [ContractFact]
    public Task Restarted_again_and_again() => ShortRun.HoldsAsync("restarted", kind);

    [ContractFact]
    public Task Frozen() => ShortRun.HoldsAsync("stopped", kind);

    [ContractFact]
    public Task Full() => ShortRun.HoldsAsync("oom", kind);

    [ContractFact]
    public Task Read_only() => ShortRun.HoldsAsync("read-only", kind);

    [ContractFact]
    public Task Password_changed() => ShortRun.HoldsAsync("auth-changed", kind);

    [ContractFact]
    public Task Password_of_the_user_changed() => ShortRun.HoldsAsync("acl-changed", kind);

    [ContractFact]
    public Task Not_there_at_start() => ShortRun.HoldsAsync("refused-at-start", kind);

    [ContractFact]
    public Task Flushed_again_and_again() => ShortRun.HoldsAsync("flushed", kind);
}

[NeedsServer(ServerKind.Redis)]
[Collection(OneAfterTheOther.Name)]
public sealed class RedisFaultTests() : ServerFaultContract(ServerKind.Redis);

[NeedsServer(ServerKind.Valkey)]
[Collection(OneAfterTheOther.Name)]
public sealed class ValkeyFaultTests() : ServerFaultContract(ServerKind.Valkey);
