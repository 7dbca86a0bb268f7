using StackExchange.Redis;

namespace Larder;

internal sealed class LarderConnection(LarderServer server) : ILarderConnection
{
    public bool IsConfigured => server.Connection is not null;

    public Task<IConnectionMultiplexer> GetMultiplexerAsync(CancellationToken cancellationToken = default) =>
        server.Connection?.GetAsync().WaitAsync(cancellationToken)
        ?? throw new InvalidOperationException("This cache has no server of its own: it runs on memory, or on an IDistributedCache. Call UseRedis or UseValkey, or set REDIS_URL; ILarderConnection.IsConfigured tells beforehand.");

    public async Task<IDatabase> GetDatabaseAsync(CancellationToken cancellationToken = default) => (await GetMultiplexerAsync(cancellationToken).ConfigureAwait(false)).GetDatabase();
}
