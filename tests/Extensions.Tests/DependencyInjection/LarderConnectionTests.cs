using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.DependencyInjection;

public sealed class LarderConnectionTests
{
    [Fact]
    public async Task Without_a_server_it_says_so()
    {
        await using var provider = new ServiceCollection().AddLarder().Services.BuildServiceProvider();
        var connection = provider.GetRequiredService<ILarderConnection>();

        Assert.False(connection.IsConfigured);
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => connection.GetDatabaseAsync());
        Assert.Contains("UseRedis", failure.Message, StringComparison.Ordinal);
        Assert.Null(provider.GetService<IConnectionMultiplexer>());
    }

    [ServerFact(ServerKind.Redis)]
    public async Task The_applications_own_connection_is_the_one_and_stays_open()
    {
        await using var own = await ConnectionMultiplexer.ConnectAsync((await TestServers.RedisAsync()).ConnectionString);
        var connects = 0;
        var services = new ServiceCollection();
        services.AddLarder(options => options.Prefix = $"larder-{Guid.NewGuid():N}").UseRedis(_ =>
        {
            connects++;
            return Task.FromResult<IConnectionMultiplexer>(own);
        });
        await using (var provider = services.BuildServiceProvider())
        {
            await provider.GetRequiredService<HybridCache>().SetAsync("key", "value");
            var connection = provider.GetRequiredService<ILarderConnection>();
            Assert.Same(own, await connection.GetMultiplexerAsync());
            Assert.Same(own, (await connection.GetDatabaseAsync()).Multiplexer);
        }

        Assert.Equal(1, connects);
        Assert.True(own.IsConnected);
        await own.GetDatabase().PingAsync();
    }

    [ServerFact(ServerKind.Redis)]
    public async Task Larders_own_connection_is_made_once_and_reaches_its_database()
    {
        var server = await TestServers.RedisAsync();
        var name = $"larder-test-{Guid.NewGuid():N}";
        var services = new ServiceCollection();
        services.AddLarder(options =>
        {
            options.Prefix = name;

            // A busy machine must not look like a server that is away.
            options.SecondLevelTimeout = TimeSpan.FromSeconds(20);
        }).UseRedis($"{server.ConnectionString},name={name},defaultDatabase=3");
        await using var provider = services.BuildServiceProvider();
        await provider.GetRequiredService<HybridCache>().SetAsync("key", "value");
        var connection = provider.GetRequiredService<ILarderConnection>();
        var database = await connection.GetDatabaseAsync();

        Assert.True(connection.IsConfigured);
        Assert.Equal(3, database.Database);
        Assert.True(await database.KeyExistsAsync($"{name}:v1:t:p:n:key"));
        Assert.Same(await connection.GetMultiplexerAsync(), database.Multiplexer);
        var clients = (string)(await database.ExecuteAsync("CLIENT", "LIST"))!;

        // One for commands, one for the subscription.
        Assert.InRange(clients.Split('\n').Count(line => line.Contains($"name={name}", StringComparison.Ordinal)), 1, 2);
    }
}
