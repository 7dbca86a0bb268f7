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
    private Task? _asking;
    private bool _disposed;

    public RedisConnection(Func<Task<IConnectionMultiplexer>> connect, bool owned)
    {
        _connect = connect;
        _owned = owned;
        Watch.TakenOver += () => _ = AskForRolesAsync();
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

    /// <summary>Runs a script at the master of its keys.</summary>
    /// <remarks>
    /// In a cluster the client may take a new master for a replica, or an old one for the master, until it asks next, up to a minute later: it sends scripts to a server that may not write, and gets no
    /// reference to the one that may, because it has told that server that it wants to read there. So it is made to ask, and the script is sent again. The first time it has written nothing: a replica
    /// takes no write. Elsewhere there is no other server to find this way, and a client that has learned that its only server is a replica would think so for a minute after it no longer is.
    /// </remarks>
    public async Task<RedisResult> EvaluateAsync(string script, RedisKey[] keys, RedisValue[]? values = null)
    {
        var database = await DatabaseAsync().ConfigureAwait(false);
        try
        {
            return await database.ScriptEvaluateAsync(script, keys, values).ConfigureAwait(false);
        }
        catch (RedisServerException exception) when (exception.Message.StartsWith("READONLY", StringComparison.Ordinal) && database.Multiplexer.HashSlot(keys[0]) >= 0)
        {
            await AskForRolesAsync().ConfigureAwait(false);
            return await database.ScriptEvaluateAsync(script, keys, values).ConfigureAwait(false);
        }
    }

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

    // Of several that want to know at once, one has the client ask. Never fails.
    private Task AskForRolesAsync()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return Task.CompletedTask;
            }

            if (_asking is null or { IsCompleted: true })
            {
                using (ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow())
                {
                    _asking = Task.Run(AskAsync);
                }
            }

            return _asking;
        }

        async Task AskAsync()
        {
            try
            {
                await (await GetAsync().ConfigureAwait(false)).ConfigureAsync().ConfigureAwait(false);
            }
            catch (Exception)
            {
                // Whoever waits tries its command again, and has that one's failure. It is asked again when it next matters.
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
