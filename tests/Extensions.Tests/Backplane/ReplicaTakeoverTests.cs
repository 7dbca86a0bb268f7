using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Backplane;

/// <summary>
/// On a real master with two replicas: one of them takes over and lacks the removal of a key that the master has acknowledged. What it holds of the key must not be read, neither before nor
/// after the client knows that it is the master.
/// </summary>
public sealed class ReplicaTakeoverTests
{
    /// <remarks>The client turns to a replica when the master's connection breaks, and reports a new master when it has asked all servers: with one that is silent, much later.</remarks>
    [ServerTheory(ServerKind.Redis, ServerKind.Valkey)]
    [InlineData(ServerKind.Redis, false)]
    [InlineData(ServerKind.Redis, true)]
    [InlineData(ServerKind.Valkey, true)]
    public async Task No_removal_is_undone_by_a_replica_that_takes_over_from_a_dead_master(ServerKind kind, bool oneIsSilent)
    {
        await using var setting = await Setting.StartAsync(kind);
        await setting.DivergeAsync();
        if (oneIsSilent)
        {
            await setting.Bystander.SuspendAsync();
        }

        await setting.Master.KillAsync();

        await setting.ReadUntilFoundAsync();
    }

    /// <remarks>As when sentinels replace a master that is alive: for a while there are two, and the client, while it asks, sends to either.</remarks>
    [ServerTheory(ServerKind.Redis, ServerKind.Valkey)]
    [InlineData(ServerKind.Redis)]
    [InlineData(ServerKind.Valkey)]
    public async Task No_removal_is_undone_while_there_are_two_masters(ServerKind kind)
    {
        await using var setting = await Setting.StartAsync(kind);
        await setting.DivergeAsync();
        await setting.Bystander.SuspendAsync();

        // Lasts until the silent one is given up. The others have answered long before.
        var asking = setting.Multiplexer.ConfigureAsync();
        await setting.ReadUntilAsync(() => asking.IsCompleted);

        await asking;
        await setting.ReadUntilFoundAsync();
    }

    private sealed class Setting : IAsyncDisposable
    {
        private const string Key = "key";

        // The client waits for a silent server several times in a row, and a busy machine for it.
        private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

        private static readonly HybridCacheEntryOptions AtTheServer = new() { Flags = HybridCacheEntryFlags.DisableLocalCache };

        private int _version = 1;
        private int _loads;
        private int _foundInARow;

        private Setting(Server master, Server replica, Server bystander) => (Master, Replica, Bystander) = (master, replica, bystander);

        public Server Master { get; }

        public Server Replica { get; }

        public Server Bystander { get; }

        public IConnectionMultiplexer Multiplexer { get; private set; } = null!;

        private CacheNode Node { get; set; } = null!;

        /// <summary>Starts the servers and a node, which has an entry at all of them.</summary>
        public static async Task<Setting> StartAsync(ServerKind kind)
        {
            var setting = new Setting(await TestServers.StartNewAsync(kind), await TestServers.StartNewAsync(kind), await TestServers.StartNewAsync(kind));
            await Replication.FollowAsync(setting.Replica, setting.Master);
            await Replication.FollowAsync(setting.Bystander, setting.Master);
            var services = new ServiceCollection();
            services.AddLogging();
            services.AddLarder().UseRedis($"{setting.Master.EndPoint},{setting.Replica.EndPoint},{setting.Bystander.EndPoint}");
            setting.Node = await CacheNode.StartAsync(services);
            setting.Multiplexer = await setting.Node.Services.GetRequiredService<ILarderConnection>().GetMultiplexerAsync();
            await Poll.UntilAsync(setting.FindsAsync, "the server has the entry");
            var held = await KeysAsync(setting.Master);
            await Poll.UntilAsync(async () => (await KeysAsync(setting.Replica)).SetEquals(held), "the replica has it too");
            return setting;
        }

        /// <summary>The replica becomes a master of its own, unknown to the client. The removal that follows is acknowledged by the old one.</summary>
        public async Task DivergeAsync()
        {
            await Replica.CommandAsync("REPLICAOF", "NO", "ONE");
            await Node.Cache.RemoveAsync(Key);
            Assert.Equal(0, Node.Engine!.PendingCount);
            _version = 2;
            Assert.Subset(await KeysAsync(Replica), await KeysAsync(Master));
            Assert.NotEqual(await KeysAsync(Replica), await KeysAsync(Master));
        }

        /// <summary>Reads as fast as it goes: what slips in does so for a moment.</summary>
        public Task ReadUntilAsync(Func<bool> condition) => Poll.UntilAsync(
            async () =>
            {
                for (var i = 0; i < 20; i++)
                {
                    _foundInARow = await FindsAsync() ? _foundInARow + 1 : 0;
                }

                return condition();
            },
            "enough has been read",
            Patience);

        public Task ReadUntilFoundAsync() => ReadUntilAsync(() => _foundInARow >= 20);

        public async ValueTask DisposeAsync()
        {
            await Node.DisposeAsync();
            await Master.DisposeAsync();
            await Replica.DisposeAsync();
            await Bystander.DisposeAsync();
        }

        // Whether the server had it. A value from before the removal fails the test.
        private async Task<bool> FindsAsync()
        {
            var before = _loads;
            var value = await Node.Cache.GetOrCreateAsync(
                Key,
                _ =>
                {
                    _loads++;
                    return ValueTask.FromResult(_version);
                },
                AtTheServer);
            Assert.Equal(_version, value);
            return _loads == before;
        }

        private static async Task<HashSet<string>> KeysAsync(Server server) => [.. (await server.CommandAsync("KEYS", "*")).Texts.OfType<string>()];
    }
}
