using StackExchange.Redis;
using Xunit.Abstractions;

namespace Larder.PipelinesSockets.Tests.Redis;

/// <summary>Servers that die, that come back, and that never answer.</summary>
public sealed class FailureTests(ITestOutputHelper output)
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
        var failed = new TaskCompletionSource();

        // Two handlers: the events go through the delegate enumeration as well.
        multiplexer.ConnectionFailed += (_, _) => { };
        multiplexer.ConnectionFailed += (_, e) => _ = e.ConnectionType == ConnectionType.Interactive && failed.TrySetResult();
        for (var round = 0; round < 3; round++)
        {
            await database.StringSetAsync("before", round);
            await server.KillAsync();
            await Eventually.TrueAsync(() => !multiplexer.IsConnected, "the client noticed");

            // No word on the type: while a handshake is not settled yet, the library says UnableToConnect.
            await failed.Task.WaitAsync(Eventually.Patience);
            await server.RestartAsync();
            await Eventually.TrueAsync(() => Works(database), "commands work after the restart");
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
        Task blocked = database.ExecuteAsync("BLPOP", "never", "600");
        var waiting = Enumerable.Range(0, 200).Select(i => i % 2 == 0 ? database.StringGetAsync("big") : Set(database)).ToArray<Task>();
        var types = new HashSet<Type>();
        await server.KillAsync();

        foreach (var task in waiting.Append(blocked))
        {
            var failure = await Record.ExceptionAsync(() => task.WaitAsync(Eventually.Patience));
            Assert.NotNull(failure);
            Assert.IsNotType<TimeoutException>(failure);
            types.Add(failure.GetType());
        }

        // Reader and writer report the loss at once. Who comes second fails what is left with what it has: a socket
        // error as it is, a cancellation, "writing is not allowed". The package does the same.
        output.WriteLine(string.Join(", ", types.Select(type => type.Name)));

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
