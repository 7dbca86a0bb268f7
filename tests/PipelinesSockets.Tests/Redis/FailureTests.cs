using StackExchange.Redis;

namespace Larder.PipelinesSockets.Tests.Redis;

/// <summary>Servers that die, that come back, and that never answer.</summary>
public sealed class FailureTests
{
    [RedisTheory]
    [InlineData(RedisProtocol.Resp2)]
    [InlineData(RedisProtocol.Resp3)]
    public async Task A_killed_server_is_noticed_and_reconnected_to(RedisProtocol protocol)
    {
        await using var server = await RedisServer.StartAsync();
        var options = RedisFixture.OptionsFor(server, protocol);
        options.AbortOnConnectFail = false;
        options.BacklogPolicy = BacklogPolicy.FailFast;
        options.ReconnectRetryPolicy = new LinearRetry(50);
        options.HeartbeatInterval = TimeSpan.FromMilliseconds(100);
        await using var multiplexer = await ConnectionMultiplexer.ConnectAsync(options);
        var database = multiplexer.GetDatabase();
        TaskCompletionSource<ConnectionFailureType> failed = new(), restored = new();

        // Two handlers: the events go through the delegate enumeration as well.
        multiplexer.ConnectionFailed += (_, _) => { };
        multiplexer.ConnectionFailed += (_, e) => Set(failed, e);
        multiplexer.ConnectionRestored += (_, e) => Set(restored, e);
        for (var round = 0; round < 3; round++)
        {
            (failed, restored) = (new(), new());
            await database.StringSetAsync("before", round);

            await server.KillAsync();
            var reason = await failed.Task.WaitAsync(Eventually.Patience);
            Assert.Contains(reason, new[] { ConnectionFailureType.SocketClosed, ConnectionFailureType.SocketFailure, ConnectionFailureType.InternalFailure });

            await server.RestartAsync();
            await restored.Task.WaitAsync(Eventually.Patience);
            await Eventually.TrueAsync(() => Works(database), "commands after the restart");
        }

        static void Set(TaskCompletionSource<ConnectionFailureType> source, ConnectionFailedEventArgs e)
        {
            // Attempts to reconnect fail too, and their events may come as late as the next round.
            if (e.ConnectionType == ConnectionType.Interactive && e.FailureType != ConnectionFailureType.UnableToConnect)
            {
                source.TrySetResult(e.FailureType);
            }
        }
    }

    [RedisFact]
    public async Task Commands_in_flight_fail_when_the_server_is_killed()
    {
        await using var server = await RedisServer.StartAsync();
        var options = RedisFixture.OptionsFor(server);
        options.BacklogPolicy = BacklogPolicy.FailFast;
        await using var multiplexer = await ConnectionMultiplexer.ConnectAsync(options);
        var database = multiplexer.GetDatabase();
        await database.StringSetAsync("big", new byte[1 << 20]);

        // The first holds back every later reply on the connection, so that all of them are certainly in flight.
        var blocked = database.ExecuteAsync("BLPOP", "never", "600");
        var waiting = Enumerable.Range(0, 200).Select(i => i % 2 == 0 ? database.StringGetAsync("big") : Set(database)).ToArray();
        await server.KillAsync();

        await Assert.ThrowsAnyAsync<RedisException>(() => blocked.WaitAsync(Eventually.Patience));
        foreach (var task in waiting)
        {
            await Assert.ThrowsAnyAsync<RedisException>(() => task.WaitAsync(Eventually.Patience));
        }

        static async Task<RedisValue> Set(IDatabase database) => await database.StringSetAsync("other", new byte[100_000]);
    }

    [RedisFact]
    public async Task A_server_that_is_not_there_fails_the_connect()
    {
        await using var server = await RedisServer.StartAsync();
        var options = RedisFixture.OptionsFor(server);
        await server.KillAsync();

        await Assert.ThrowsAsync<RedisConnectionException>(() => ConnectionMultiplexer.ConnectAsync(options));
    }

    private static async Task<bool> Works(IDatabase database)
    {
        try
        {
            await database.PingAsync();
            return true;
        }
        catch (RedisConnectionException)
        {
            return false;
        }
    }
}
