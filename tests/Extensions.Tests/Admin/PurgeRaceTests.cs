using Larder.Engine;
using Larder.Redis;
using Larder.Tests.Engine;
using Larder.Tests.Shared;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Admin;

/// <summary>A purge that overlaps a write: between its look at an entry and its removal the key is set anew.</summary>
public abstract class PurgeRaceTests(ServerKind kind)
{
    [ContractFact]
    public async Task What_is_stored_while_a_purge_runs_stays()
    {
        await using var client = await ConnectionMultiplexer.ConnectAsync((await TestServers.GetAsync(kind)).ConnectionString);
        var database = HookedProxy.Around(client.GetDatabase());
        var multiplexer = HookedProxy.Around((IConnectionMultiplexer)client);
        ((HookedProxy)multiplexer).Replace(nameof(IConnectionMultiplexer.GetDatabase), _ => database);
        await using var connection = new RedisConnection(() => Task.FromResult(multiplexer), owned: false);
        var prefix = $"larder-{Guid.NewGuid():N}";
        await using var engine = TestEngine.Create(new RedisSecondLevel(connection, $"{prefix}:1:", TimeSpan.FromSeconds(5)), null, options => (options.Prefix, options.Version, options.SecondLevelTimeout) = (prefix, "1", TimeSpan.FromSeconds(20)));
        Assert.Equal($"{prefix}:1:", engine.ApplicationPrefix);
        var scope = engine.Scope(CacheScope.Raw);
        await engine.SetAsync(scope, "other", "old", null, ["tag"], null, default);
        await engine.SetAsync(scope, "key", "old", null, ["tag"], null, default);
        await engine.RemoveByTagAsync(scope, "tag", default);

        var (sets, physicalKey) = (0, (RedisKey)scope.PhysicalKey("key"));
        ((HookedProxy)(object)database).Before = (method, arguments) =>
        {
            var concerns = arguments.Any(argument => argument is RedisKey one ? one == physicalKey : argument is RedisKey[] several && several.Contains(physicalKey));
            if (concerns && (method is nameof(IDatabase.KeyDeleteAsync) or nameof(IDatabase.ScriptEvaluateAsync)) && Interlocked.Exchange(ref sets, 1) == 0)
            {
                Task.Run(async () => await engine.SetAsync(scope, "key", "new", null, null, null, default)).GetAwaiter().GetResult();
            }
        };
        var purged = await engine.PurgeAsync(null, default);

        Assert.Equal(1, sets);
        Assert.Equal("new", (await engine.TryGetAsync<string>(scope, "key", default)).Value);
        await using var reader = TestEngine.Create(new RedisSecondLevel(connection, $"{prefix}:1:", TimeSpan.FromSeconds(5)), null, options => (options.Prefix, options.Version, options.SecondLevelTimeout) = (prefix, "1", TimeSpan.FromSeconds(20)));
        Assert.Equal("new", (await reader.TryGetAsync<string>(reader.Scope(CacheScope.Raw), "key", default)).Value);
        Assert.False(await client.GetDatabase().KeyExistsAsync(scope.PhysicalKey("other")));
        Assert.True(purged.Removed >= 1);
    }
}

[NeedsServer(ServerKind.Redis)]
public sealed class RedisPurgeRaceTests() : PurgeRaceTests(ServerKind.Redis);

[NeedsServer(ServerKind.RedisCluster)]
public sealed class RedisClusterPurgeRaceTests() : PurgeRaceTests(ServerKind.RedisCluster);
