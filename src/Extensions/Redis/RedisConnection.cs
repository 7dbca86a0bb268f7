using System.Net;
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
    private readonly HashSet<EndPoint> _asked = [];
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

    /// <summary>Whether commands go by the slots of their keys: to a cluster, or to a proxy that does the same.</summary>
    public static bool IsCluster(IConnectionMultiplexer multiplexer) => multiplexer.HashSlot("any") >= 0;

    /// <summary>The database, and the flags with which a command goes to the master.</summary>
    /// <remarks>
    /// Left to itself the client turns to a replica as soon as the master's connection breaks. That one may lack what the master has acknowledged, and it may be the next master before the client
    /// knows. So where there are several servers, and they are no cluster, only a master is asked; if there is none, or one too many, that is said at once rather than when a timeout ends.
    /// A single server is asked whatever the client takes it for: there is no other, and it may have become a master since. In a cluster a server refers to the one that has taken over.
    /// </remarks>
    /// <exception cref="RedisConnectionException">It is not clear which of several servers is the master: none is known to be one that is connected, or more than the client has settled on.</exception>
    public async ValueTask<(IDatabase Database, CommandFlags Flags)> MasterAsync()
    {
        var multiplexer = await GetAsync().ConfigureAwait(false);
        return (multiplexer.GetDatabase(), AtMaster(multiplexer));
    }

    private CommandFlags AtMaster(IConnectionMultiplexer multiplexer)
    {
        if (IsCluster(multiplexer) || multiplexer.GetServers() is not { Length: > 1 } servers)
        {
            return CommandFlags.None;
        }

        var masters = servers.Count(ConnectionWatch.IsConnectedMaster);
        if (masters != 0 && masters <= Watch.MostMasters)
        {
            return CommandFlags.DemandMaster;
        }

        using (ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow())
        {
            foreach (var server in servers)
            {
                _ = AskWhetherMasterAsync(server);
            }
        }

        throw new RedisConnectionException(
            ConnectionFailureType.UnableToResolvePhysicalConnection, $"{masters} of {servers.Length} servers are known to be connected masters. It is not clear yet which of them is the one.");
    }

    /// <summary>Runs a script at the master of its keys.</summary>
    /// <remarks>
    /// The client may take a new master for a replica, or an old one for the master, until it asks next, up to a minute later. In a cluster it then sends scripts to a server that may not write, and gets no
    /// reference to the one that may, because it has told that server that it wants to read there. So it is made to ask, and the script is sent again. The first time it has written nothing: a replica
    /// takes no write. With several servers that are no cluster the client is made to ask as well; that may take long, and what is sent so late would come after what was written meanwhile, so the call
    /// fails. With a single server there is no other to find this way, and a client that has learned that its only server is a replica would think so for a minute after it no longer is.
    /// </remarks>
    public async Task<RedisResult> EvaluateAsync(string script, RedisKey[] keys, RedisValue[]? values = null)
    {
        var (database, flags) = await MasterAsync().ConfigureAwait(false);
        try
        {
            return await database.ScriptEvaluateAsync(script, keys, values, flags).ConfigureAwait(false);
        }
        catch (RedisServerException exception) when (exception.Message.StartsWith("READONLY", StringComparison.Ordinal) && (flags == CommandFlags.DemandMaster || IsCluster(database.Multiplexer)))
        {
            var asking = AskForRolesAsync();
            if (flags == CommandFlags.DemandMaster)
            {
                throw;
            }

            await asking.ConfigureAwait(false);
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

    // The client asks each server for its role once a minute, or when it is made to ask all; that takes as long as the slowest of them, so they are asked one by one before. Never fails.
    private async Task AskWhetherMasterAsync(IServer server)
    {
        if (!server.IsConnected)
        {
            return;
        }

        lock (_lock)
        {
            if (_disposed || !_asked.Add(server.EndPoint))
            {
                return;
            }
        }

        try
        {
            if (await server.RoleAsync().ConfigureAwait(false) is Role.Master)
            {
                await AskForRolesAsync().ConfigureAwait(false);
            }
        }
        catch (RedisServerException)
        {
            // The user may not ask. The client's own way is longer.
            await AskForRolesAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Away.
        }
        finally
        {
            lock (_lock)
            {
                _asked.Remove(server.EndPoint);
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
                var multiplexer = await GetAsync().ConfigureAwait(false);
                if (IsCluster(multiplexer))
                {
                    await multiplexer.ConfigureAsync().ConfigureAwait(false);
                    return;
                }

                var answered = await AllMastersAnswerAsync(multiplexer).ConfigureAwait(false);
                if (await multiplexer.ConfigureAsync().ConfigureAwait(false))
                {
                    // The client says it only where it has begun by itself.
                    Watch.Asked(answered && await AllMastersAnswerAsync(multiplexer).ConfigureAwait(false));
                }
            }
            catch (Exception)
            {
                // Whoever waits tries its command again, and has that one's failure. It is asked again when it next matters.
            }
        }
    }

    private static async Task<bool> AllMastersAnswerAsync(IConnectionMultiplexer multiplexer)
    {
        try
        {
            await Task.WhenAll(multiplexer.GetServers().Where(ConnectionWatch.IsConnectedMaster).Select(server => server.PingAsync())).ConfigureAwait(false);
            return true;
        }
        catch (Exception)
        {
            return false;
        }
    }

    private async Task<IConnectionMultiplexer> ConnectAsync()
    {
        var multiplexer = await _connect().ConfigureAwait(false);
        Watch.Begin(multiplexer);
        return multiplexer;
    }
}
