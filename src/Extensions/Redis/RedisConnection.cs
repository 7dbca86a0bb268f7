using StackExchange.Redis;

namespace Larder.Redis;

/// <summary>
/// The application's connection to its server: made in the background, so that a server that is away neither stops the
/// application nor delays its start, and found again whenever it comes back.
/// </summary>
internal sealed class RedisConnection : IAsyncDisposable, IDisposable
{
    private readonly Func<Task<IConnectionMultiplexer>> _connect;
    private readonly bool _owned;
    private readonly Lock _lock = new();
    private Task<IConnectionMultiplexer>? _connecting;
    private bool _disposed;

    public RedisConnection(Func<Task<IConnectionMultiplexer>> connect, bool owned)
    {
        _connect = connect;
        _owned = owned;
    }

    /// <summary>What becomes of the connection.</summary>
    public ConnectionWatch Watch { get; } = new();

    /// <summary>The connection. A failed attempt is made anew by the next call.</summary>
    public Task<IConnectionMultiplexer> GetAsync()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_connecting is null || _connecting.IsFaulted || _connecting.IsCanceled)
            {
                using (ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow())
                {
                    // A thread of its own: with Sentinel the client's first steps block theirs, and an application with few cores has few to spare.
                    _connecting = Task.Factory.StartNew(ConnectAsync, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
                }
            }

            return _connecting;
        }
    }

    public async ValueTask<IDatabase> DatabaseAsync() => (await GetAsync().ConfigureAwait(false)).GetDatabase();

    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    public async ValueTask DisposeAsync()
    {
        Task<IConnectionMultiplexer>? connecting;
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            connecting = _connecting;
        }

        Watch.Dispose();
        if (_owned && connecting is not null)
        {
            try
            {
                var multiplexer = await connecting.ConfigureAwait(false);
                await multiplexer.CloseAsync(allowCommandsToComplete: false).ConfigureAwait(false);
                await multiplexer.DisposeAsync().ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is RedisException or TimeoutException or InvalidOperationException or System.Net.Sockets.SocketException)
            {
                // Never connected: nothing to close.
            }
        }
    }

    private async Task<IConnectionMultiplexer> ConnectAsync()
    {
        var multiplexer = await _connect().ConfigureAwait(false);
        Watch.Begin(multiplexer);
        return multiplexer;
    }
}
