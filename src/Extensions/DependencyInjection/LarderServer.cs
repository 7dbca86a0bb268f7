using Larder.Redis;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Larder;

/// <summary>The one connection of the application to its Redis or Valkey server, if one is configured.</summary>
internal sealed class LarderServer : IAsyncDisposable, IDisposable
{
    public LarderServer(IServiceProvider provider, IOptions<ServerSettings> settings)
    {
        var server = settings.Value;
        if (server.Connect is { } connect)
        {
            Connection = new RedisConnection(() => connect(provider), owned: false);
        }
        else if ((server.Configuration ?? new LarderEnvironment(provider.GetService<IConfiguration>()).Server()) is { } configuration)
        {
            ServerAddress.ApplyDefaults(configuration);
            Connection = new RedisConnection(async () => await ConnectionMultiplexer.ConnectAsync(configuration).ConfigureAwait(false), owned: true);
        }
    }

    public RedisConnection? Connection { get; }

    public void Dispose() => Connection?.Dispose();

    public ValueTask DisposeAsync() => Connection?.DisposeAsync() ?? default;
}
