using Larder.Scopes;
using Larder.Tests.Shared;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Locks;

/// <summary>What only a server that nodes share can show.</summary>
public abstract class SharedLockContract(ServerKind kind) : LockContract(kind)
{
    private static readonly CacheLockOptions Brief = new() { LeaseDuration = TimeSpan.FromSeconds(1) };

    [ContractFact]
    public async Task What_the_server_has_lost_is_noticed_and_cannot_be_given_back_by_who_had_it()
    {
        var nodes = await NodesAsync(2);
        var held = await nodes[0].AcquireAsync("lock", Brief);

        // On a machine that has stood still for as long the lease has run out already, which is a loss too.
        await DeleteAsync(":lock");
        await using var next = await nodes[1].AcquireAsync("lock");
        await Poll.UntilAsync(() => held.LostToken.IsCancellationRequested, "the holder notices that it has lost the lock");
        Assert.False(held.IsHeld);

        await held.DisposeAsync();
        Assert.Null(await nodes[0].TryAcquireAsync("lock"));
        Assert.True(next.FencingToken > held.FencingToken);
    }

    [ContractFact]
    public async Task Who_gives_it_back_late_does_not_take_it_from_the_next_holder()
    {
        var nodes = await NodesAsync(2);
        var held = await nodes[0].AcquireAsync("lock");
        await DeleteAsync(":lock");
        await using var next = await nodes[1].AcquireAsync("lock");
        await held.DisposeAsync();

        Assert.Null(await nodes[0].TryAcquireAsync("lock"));
        Assert.True(next.IsHeld);
    }

    [ContractFact]
    public async Task Tokens_go_on_above_where_they_were_when_the_server_has_forgotten_them_or_its_clock_was_set_back()
    {
        var tokens = new List<long>();
        for (var i = 0; i < 3; i++)
        {
            await using (var held = await Of(Node).AcquireAsync("lock"))
            {
                tokens.Add(held.FencingToken);
            }

            Assert.Equal(1, await DeleteAsync(":fence"));
        }

        // As if the clock had shown a later time before.
        await using (var held = await Of(Node).AcquireAsync("lock"))
        {
            tokens.Add(held.FencingToken);
        }

        var ahead = tokens[^1] + 1_000_000_000_000;
        await SetFenceAsync(ahead);
        for (var i = 1; i <= 3; i++)
        {
            await using var held = await Of(Node).AcquireAsync("lock");
            Assert.Equal(ahead + i, held.FencingToken);
        }

        Assert.Equal(tokens.Distinct().Order(), tokens);
        Assert.InRange(tokens[0], DateTimeOffset.UtcNow.AddHours(-1).ToUnixTimeMilliseconds() * 1_000, DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeMilliseconds() * 1_000);
    }

    [ContractFact]
    public async Task It_is_prolonged_while_it_is_held()
    {
        var nodes = await NodesAsync(2);

        // It is prolonged every five seconds, long before what it is given here ends, however busy the machine is; and from then on it has ten to fifteen, whenever one looks.
        await using var held = await nodes[0].AcquireAsync("lock", new CacheLockOptions { LeaseDuration = TimeSpan.FromSeconds(15) });
        for (var i = 0; i < 2; i++)
        {
            await AgeLockAsync();
            await Poll.UntilAsync(async () => await TimeLeftAsync() > TimeSpan.FromSeconds(9), "the holder prolongs the lock");
        }

        Assert.Null(await nodes[1].TryAcquireAsync("lock"));
    }

    private protected override async Task LeavesNothingAsync()
    {
        await base.LeavesNothingAsync();
        await WithKeysAsync(":lock", (_, key) => throw new Xunit.Sdk.XunitException($"'{key}' was left behind."));
    }

    private async Task AgeLockAsync() => Assert.Equal(1, await WithKeysAsync(":lock", (database, key) => database.KeyExpireAsync(key, TimeSpan.FromSeconds(8))));

    private async Task<TimeSpan?> TimeLeftAsync()
    {
        TimeSpan? left = null;
        await WithKeysAsync(":lock", async (database, key) => left = await database.KeyTimeToLiveAsync(key));
        return left;
    }

    private Task<int> DeleteAsync(string suffix) => WithKeysAsync(suffix, (database, key) => database.KeyDeleteAsync(key));

    private Task SetFenceAsync(long value) => WithKeysAsync(":fence", (database, key) => database.StringSetAsync(key, value, TimeSpan.FromMinutes(1)));

    private async Task<int> WithKeysAsync(string suffix, Func<IDatabase, RedisKey, Task> act)
    {
        var count = 0;
        await using var connection = await ConnectionMultiplexer.ConnectAsync((await TestServers.GetAsync(kind)).ConnectionString);
        foreach (var server in connection.GetServers().Where(server => !server.IsReplica))
        {
            await foreach (var key in server.KeysAsync(pattern: $"{{{ScopedKey.ApplicationPrefix(Backend.Prefix, "v1")}*{suffix}"))
            {
                await act(connection.GetDatabase(), key);
                count++;
            }
        }

        return count;
    }
}

[NeedsServer(ServerKind.Redis)]
public sealed class RedisLockTests() : SharedLockContract(ServerKind.Redis);

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyLockTests() : SharedLockContract(ServerKind.Valkey);

[NeedsServer(ServerKind.RedisCluster)]
public sealed class RedisClusterLockTests() : SharedLockContract(ServerKind.RedisCluster);
