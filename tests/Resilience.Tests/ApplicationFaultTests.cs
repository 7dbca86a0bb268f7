using Larder.Tests.Shared;

namespace Larder.Resilience.Tests;

/// <summary>Faults between the application and its server, where the server's make does not matter.</summary>
[Collection(OneAfterTheOther.Name)]
public sealed class ApplicationFaultTests
{
    [ServerFact(ServerKind.Redis)]
    public Task Answers_come_200_ms_late() => ShortRun.HoldsAsync("slow", ServerKind.Redis);

    [ServerFact(ServerKind.Valkey)]
    public Task Answers_come_2_s_late() => ShortRun.HoldsAsync("very-slow", ServerKind.Valkey);

    [ServerFact(ServerKind.Redis)]
    public Task Values_of_5_MB() => ShortRun.HoldsAsync("large", ServerKind.Redis);

    [ServerFact(ServerKind.Valkey)]
    public Task Values_beyond_the_limit() => ShortRun.HoldsAsync("large-refused", ServerKind.Valkey);

    [ServerFact(ServerKind.Redis)]
    public Task A_serializer_throws_on_write() => ShortRun.HoldsAsync("serializer-write", ServerKind.Redis);

    [ServerFact(ServerKind.Redis)]
    public Task A_serializer_throws_on_read() => ShortRun.HoldsAsync("serializer-read", ServerKind.Redis);
}
