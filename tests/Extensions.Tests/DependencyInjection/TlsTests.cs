using System.Net;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.DependencyInjection;

/// <summary>Encrypted connections to a real server.</summary>
public sealed class TlsTests
{
    // With each beat of its heart, once a second, the client may give up a connection that is still in the making.
    [ServerTheory(ServerKind.Redis)]
    [InlineData(0)]
    [InlineData(2)]
    public async Task Nodes_share_what_they_cache_again_after_a_loss_even_if_handshakes_are_slow(int seconds)
    {
        var server = IPEndPoint.Parse((await TestServers.GetAsync(ServerKind.Redis)).ConnectionString);
        await using var entrance = new TlsEntrance(server.Port, TimeSpan.FromSeconds(seconds));
        await using var one = Start(entrance.Address);
        await using var other = Start(entrance.Address);

        await Poll.UntilAsync(ShareAsync, "both nodes are connected");
        await entrance.CutAsync();
        await Poll.UntilAsync(ShareAsync, "both nodes are connected again");

        async Task<bool> ShareAsync()
        {
            var key = Guid.NewGuid().ToString("N");
            await one.GetRequiredService<HybridCache>().SetAsync(key, "value");
            return await other.GetRequiredService<HybridCache>().GetOrCreateAsync(key, _ => new ValueTask<string>("not shared")) == "value";
        }
    }

    private static ServiceProvider Start(string address)
    {
        var services = new ServiceCollection();
        services.AddLarder().UseRedis(address);
        return services.BuildServiceProvider();
    }
}
