using Larder.Redis;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Larder;

/// <summary>The one connection of the application to its Redis or Valkey server, if one is configured.</summary>
internal sealed class LarderServer : IAsyncDisposable, IDisposable
{
    public LarderServer(IServiceProvider provider, IOptions<ServerSettings> settings, IOptions<LarderOptions> options)
    {
        var server = settings.Value;
        if (server.Connect is { } connect)
        {
            Connection = new RedisConnection(() => ConnectAsync(() => connect(provider)), owned: false);
        }
        else if ((server.Choice ?? new LarderEnvironment(provider.GetService<IConfiguration>()).Server()) is { } choice)
        {
            Choice = choice;
            ServerAddress.ApplyDefaults(choice.Configuration);
            Connection = new RedisConnection(() => ConnectAsync(async () => await ConnectionMultiplexer.ConnectAsync(choice.Configuration).ConfigureAwait(false)), owned: true);
        }

        Task<IConnectionMultiplexer> ConnectAsync(Func<Task<IConnectionMultiplexer>> connect)
        {
            // Before the client's first steps, because these block threads too.
            PoolThreads.Ensure(options.Value.MinimumPoolThreads);
            return connect();
        }
    }

    /// <summary>What was configured; null for none, and where the application makes the connection.</summary>
    public ServerChoice? Choice { get; }

    public RedisConnection? Connection { get; }

    public void Dispose() => Connection?.Dispose();

    public ValueTask DisposeAsync() => Connection?.DisposeAsync() ?? default;
}
