using System.Diagnostics;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Backplane;

/// <summary>On real servers: two of them say that they are the master, and the client has to settle on one.</summary>
public sealed class TwoMastersTests
{
    private const string Impatient = "connectTimeout=1000,configCheckSeconds=1";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static readonly HybridCacheEntryOptions AtTheServer = new() { Flags = HybridCacheEntryFlags.DisableLocalCache };

    /// <remarks>The client sets aside which of two masters it does not use, but not one that was silent when it looked: when that one wakes, it would use the two in turns.</remarks>
    [ServerFact(ServerKind.Redis)]
    public async Task A_master_that_hangs_while_another_takes_over_is_not_used_beside_it_when_it_wakes()
    {
        await using var old = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var young = await TestServers.StartNewAsync(ServerKind.Redis);
        await Replication.FollowAsync(young, old);
        await using var node = await StartAsync($"{old.EndPoint},{young.EndPoint},{Impatient}", options => options.OnInvalidationFailure = SecondLevelFailure.Throw);
        var multiplexer = await node.Services.GetRequiredService<ILarderConnection>().GetMultiplexerAsync();
        await old.SuspendAsync();
        await young.CommandAsync("REPLICAOF", "NO", "ONE");
        await Poll.UntilAsync(() => multiplexer.GetServers().All(server => !server.IsReplica), "the client knows two masters");

        // Longer than the client waits for an answer: one that came late would make it look again.
        await Task.Delay(TimeSpan.FromSeconds(9));
        old.Resume();
        var awake = Stopwatch.StartNew();

        var version = 0;
        var acknowledged = 0;
        await Poll.UntilAsync(
            async () =>
            {
                for (var i = 0; i < 20; i++)
                {
                    version++;
                    try
                    {
                        await node.Cache.RemoveAsync("key");
                    }
                    catch (SecondLevelException)
                    {
                        // Not acknowledged: it may be undone.
                        continue;
                    }

                    acknowledged++;
                    for (var read = 0; read < 3; read++)
                    {
                        Assert.Equal(version, await node.Cache.GetOrCreateAsync("key", _ => ValueTask.FromResult(version), AtTheServer));
                    }
                }

                // The client takes it up again with one of its heartbeats, which come each second.
                return acknowledged >= 200 && awake.Elapsed > TimeSpan.FromSeconds(4);
            },
            "one of them is used",
            Patience);
    }

    /// <remarks>As where several independent masters are given, and the client's choice is meant.</remarks>
    [ServerFact(ServerKind.Redis)]
    public async Task A_second_master_that_comes_late_keeps_nobody_from_the_server()
    {
        await using var first = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var second = await TestServers.StartNewAsync(ServerKind.Redis);
        await second.KillAsync();
        await using var node = await StartAsync($"{first.EndPoint},{second.EndPoint},{Impatient}");
        await second.RestartAsync();
        var multiplexer = await node.Services.GetRequiredService<ILarderConnection>().GetMultiplexerAsync();
        await Poll.UntilAsync(() => multiplexer.GetServers().All(server => server is { IsConnected: true, IsReplica: false }), "both are there");

        var (loads, foundInARow) = (0, 0);
        await Poll.UntilAsync(
            async () =>
            {
                var before = loads;
                await node.Cache.GetOrCreateAsync("key", _ => ValueTask.FromResult(++loads), AtTheServer);
                foundInARow = loads == before ? foundInARow + 1 : 0;
                return foundInARow >= 20;
            },
            "the server is read from",
            Patience);
    }

    private static Task<CacheNode> StartAsync(string addresses, Action<LarderOptions>? configure = null)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddLarder(options => configure?.Invoke(options)).UseRedis(addresses);
        return CacheNode.StartAsync(services);
    }
}
