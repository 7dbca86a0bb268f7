using StackExchange.Redis;

namespace Larder;

/// <summary>
/// The one connection that Larder uses, for commands of the application's own. Injected as a singleton. It is whoever made it that closes it: Larder with the
/// container, or the application that gave it to <c>UseRedis</c>.
/// </summary>
public interface ILarderConnection
{
    /// <summary>Whether a Redis or Valkey server is configured. If not, the other members throw.</summary>
    bool IsConfigured { get; }

    /// <summary>The connection. It is made when first needed, by the cache or by this call, and only once.</summary>
    /// <param name="cancellationToken">Ends the wait, not the attempt to connect.</param>
    /// <exception cref="InvalidOperationException">No server is configured.</exception>
    /// <exception cref="RedisConnectionException">The application's own connection could not be made. The next call tries again.</exception>
    Task<IConnectionMultiplexer> GetMultiplexerAsync(CancellationToken cancellationToken = default);

    /// <summary>The database that Larder's keys are in. Names beginning with <see cref="LarderOptions.Prefix"/>, and the same in braces, are Larder's.</summary>
    /// <inheritdoc cref="GetMultiplexerAsync"/>
    Task<IDatabase> GetDatabaseAsync(CancellationToken cancellationToken = default);
}
