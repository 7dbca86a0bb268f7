using Larder.Diagnostics;
using Larder.Engine;
using Larder.Tests.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Failures;

/// <summary>A Redis server that is killed and comes back with its data.</summary>
[NeedsServer(ServerKind.Redis)]
public sealed class KilledServerFailureTests : FailureContract
{
    private Server _server = null!;

    public override async Task InitializeAsync() => _server = await TestServers.StartNewAsync(ServerKind.Redis, new ServerOptions { Persistent = true });

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await _server.DisposeAsync();
    }

    [ContractFact]
    public async Task While_the_server_refuses_messages_alone_invalidations_hold_there_and_wait_for_the_other_nodes()
    {
        var one = await StartAsync(options => options.BackplaneTimeout = TimeSpan.FromSeconds(1));
        await _server.CommandAsync("ACL", "SETUSER", "default", "-publish");
        for (var i = 0; i < 50; i++)
        {
            await one.Cache.SetAsync($"key {i}", i);
        }

        // A heartbeat may have been the one that opened it, and what is refused ends before that is said.
        await Poll.UntilAsync(() => one.OpenBreakers.Count != 0, "the breaker has opened");
        Assert.Equal(["backplane"], one.OpenBreakers);
        Assert.Equal(50, one.Engine.PendingCount);
        await _server.CommandAsync("ACL", "SETUSER", "default", "+publish");
        await UntilAsync(() => Task.FromResult(one.Engine.PendingCount == 0 && one.OpenBreakers.Count == 0), "all is replayed");
    }

    private protected override async Task<Node> CreateAsync(Action<LarderOptions> configure)
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(Clock);

        // A busy machine must not look like a server that is away. One that is away refuses at once.
        services.AddLarder(options =>
        {
            options.SecondLevelTimeout = TimeSpan.FromSeconds(20);
            configure(options);
        }).UseRedis(_server.ConnectionString);
        var node = await CacheNode.StartAsync(services);
        return new Node(node.Cache, node.Services.GetRequiredService<LarderMetrics>(), node.DisposeAsync);
    }

    private protected override Task FailAsync() => _server.KillAsync();

    private protected override Task RecoverAsync() => _server.RestartAsync();
}
