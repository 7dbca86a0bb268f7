using Larder.Tests.Shared;

namespace Larder.Consistency.Commands;

/// <summary>Starts the server that a command line names, for this run alone.</summary>
internal static class TestServer
{
    public static async Task<ITestServer> StartAsync(ServerKind kind) => kind switch
    {
        ServerKind.RedisCluster or ServerKind.ValkeyCluster => await TestServers.StartNewClusterAsync(kind),
        ServerKind.Sentinel => await TestServers.StartNewSentinelAsync(),
        _ => await TestServers.StartNewAsync(kind),
    };
}
