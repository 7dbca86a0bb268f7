using Larder;
using StackExchange.Redis;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Gives Larder a Redis or Valkey server: single, Sentinel or cluster.</summary>
public static class LarderRedisExtensions
{
    /// <summary>Uses a Redis server as second level, for stamps, leases and the backplane.</summary>
    /// <param name="builder">What <c>AddLarder</c> returned.</param>
    /// <param name="configuration">
    /// <c>redis://user:password@host:port/database</c> (<c>rediss://</c> for TLS; several hosts separated by commas), or a
    /// StackExchange.Redis configuration string (with <c>serviceName=</c> for Sentinel).
    /// </param>
    /// <exception cref="FormatException"><paramref name="configuration"/> is neither.</exception>
    public static ILarderBuilder UseRedis(this ILarderBuilder builder, string configuration)
    {
        return Use(builder, ServerChoice.Parse(configuration, nameof(UseRedis)));
    }

    /// <summary>Uses a connection that the application makes and closes.</summary>
    /// <param name="builder">What <c>AddLarder</c> returned.</param>
    /// <param name="connect">Gives the connection. Called again if it fails.</param>
    public static ILarderBuilder UseRedis(this ILarderBuilder builder, Func<IServiceProvider, Task<IConnectionMultiplexer>> connect)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(connect);
        builder.Services.Configure<ServerSettings>(settings =>
        {
            settings.Connect = connect;
            settings.Choice = null;
        });
        return builder;
    }

    /// <summary>Uses a Valkey server; see <see cref="UseRedis(ILarderBuilder, string)"/>. Valkey and Redis are used alike.</summary>
    /// <inheritdoc cref="UseRedis(ILarderBuilder, string)"/>
    public static ILarderBuilder UseValkey(this ILarderBuilder builder, string configuration) => Use(builder, ServerChoice.Parse(configuration, nameof(UseValkey), isValkey: true));

    /// <summary>Uses a connection to a Valkey server that the application makes and closes.</summary>
    /// <inheritdoc cref="UseRedis(ILarderBuilder, Func{IServiceProvider, Task{IConnectionMultiplexer}})"/>
    public static ILarderBuilder UseValkey(this ILarderBuilder builder, Func<IServiceProvider, Task<IConnectionMultiplexer>> connect) => builder.UseRedis(connect);

    private static ILarderBuilder Use(ILarderBuilder builder, ServerChoice choice)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.Configure<ServerSettings>(settings =>
        {
            settings.Choice = choice;
            settings.Connect = null;
        });
        return builder;
    }
}
