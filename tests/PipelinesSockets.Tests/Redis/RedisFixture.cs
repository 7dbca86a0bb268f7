using StackExchange.Redis;

namespace Larder.PipelinesSockets.Tests.Redis;

/// <summary>One server for the tests that leave it as they found it.</summary>
public sealed class RedisFixture : IAsyncLifetime
{
    private RedisServer? _server;

    internal RedisServer Server => _server ?? throw new InvalidOperationException("No server was started.");

    public async Task InitializeAsync()
    {
        if (Servers.SkipReason is null)
        {
            _server = await RedisServer.StartAsync();
        }
    }

    public async Task DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }

    internal ConfigurationOptions Options(RedisProtocol protocol = RedisProtocol.Resp2) => OptionsFor(Server, protocol);

    internal static ConfigurationOptions OptionsFor(RedisServer server, RedisProtocol protocol = RedisProtocol.Resp2) => new()
    {
        EndPoints = { { "127.0.0.1", server.Port } },
        Protocol = protocol,
        AllowAdmin = true,
        // Generous: a loaded machine must not turn into a failed test.
        SyncTimeout = 30_000,
        AsyncTimeout = 30_000,
        ConnectTimeout = 10_000,
    };
}

/// <summary>Tests that share <see cref="RedisFixture"/>, one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class RedisGroup : ICollectionFixture<RedisFixture>
{
    public const string Name = "redis";
}
