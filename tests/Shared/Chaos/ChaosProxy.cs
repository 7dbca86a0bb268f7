using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Larder.Tests.Shared;

/// <summary>Stands on a port of its own between a client and a server, and does to their connections what networks do.</summary>
public sealed class ChaosProxy : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<ChaosConnection, Task> _connections = new();
    private readonly CancellationTokenSource _ended = new();
    private Socket? _listener;
    private Task _accepting = Task.CompletedTask;
    private long _delayToServer;
    private long _delayToClient;
    private long _cutAfter = long.MaxValue;
    private long _toServer;
    private long _toClient;
    private long _accepted;
    private volatile ChaosMode _mode;

    private ChaosProxy(int serverPort)
    {
        ServerPort = serverPort;
        Port = Ports.Next();
    }

    /// <summary>Where clients connect, on the loopback address.</summary>
    public int Port { get; }

    /// <summary>Where the server listens.</summary>
    public int ServerPort { get; }

    /// <summary>The address as <c>host:port</c>.</summary>
    public string EndPoint => $"127.0.0.1:{Port}";

    /// <summary>How long each piece of data takes towards the server, over and above the real time. Throughput stays.</summary>
    public TimeSpan DelayToServer
    {
        get => new(Interlocked.Read(ref _delayToServer));
        set => Interlocked.Exchange(ref _delayToServer, value.Ticks);
    }

    /// <summary>How long each piece of data takes towards the client, over and above the real time. Throughput stays.</summary>
    public TimeSpan DelayToClient
    {
        get => new(Interlocked.Read(ref _delayToClient));
        set => Interlocked.Exchange(ref _delayToClient, value.Ticks);
    }

    /// <summary>How many connections are open.</summary>
    public int OpenConnections => _connections.Count;

    /// <summary>How many connections have lost data in a black hole, and are open yet.</summary>
    public int SwallowedConnections => _connections.Keys.Count(connection => connection.HasSwallowed);

    /// <summary>How many connections have been accepted so far.</summary>
    public long AcceptedConnections => Interlocked.Read(ref _accepted);

    /// <summary>How many bytes have been passed on towards the server.</summary>
    public long BytesToServer => Interlocked.Read(ref _toServer);

    /// <summary>How many bytes have been passed on towards the client.</summary>
    public long BytesToClient => Interlocked.Read(ref _toClient);

    /// <summary>What happens to connections. Leaving <see cref="ChaosMode.BlackHole"/> cuts those that have lost data.</summary>
    public ChaosMode Mode
    {
        get => _mode;
        set
        {
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_ended.IsCancellationRequested, this);
                _mode = value;
                if (value == ChaosMode.Refuse)
                {
                    StopListening();
                }
                else if (_listener is null)
                {
                    StartListening();
                }

                foreach (var connection in _connections.Keys.Where(connection => value != ChaosMode.BlackHole && connection.HasSwallowed))
                {
                    connection.Cut();
                }
            }
        }
    }

    /// <summary>Starts a proxy in front of a server.</summary>
    public static ChaosProxy Start(Server server, ChaosMode mode = ChaosMode.Forward) => Start(server.Port, mode);

    /// <summary>Starts a proxy in front of a port on the loopback address.</summary>
    public static ChaosProxy Start(int serverPort, ChaosMode mode = ChaosMode.Forward)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return new ChaosProxy(serverPort) { Mode = mode };
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressAlreadyInUse && attempt < 5)
            {
                // Somebody may take a port between the look and the start.
            }
        }
    }

    /// <summary>Resets all open connections; new ones are welcome.</summary>
    public void DropConnections()
    {
        foreach (var connection in _connections.Keys)
        {
            connection.Cut();
        }
    }

    /// <summary>Lets so many more bytes pass to clients, on all connections together, then resets the one that wants more, once.</summary>
    public void CutAfter(long bytesToClient) => Interlocked.Exchange(ref _cutAfter, bytesToClient);

    /// <summary>Ends the listener and all connections, and waits for their tasks.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_ended.IsCancellationRequested)
            {
                return;
            }

            _ended.Cancel();
            StopListening();
        }

        await _accepting;
        DropConnections();
        await Task.WhenAll(_connections.Values);
        _ended.Dispose();
    }

    /// <summary>Whether what the connection carries now falls into a black hole. If so that is noted in the same step: who ends the black hole finds either the note, and cuts, or nothing lost.</summary>
    internal bool Swallows(ChaosConnection connection)
    {
        lock (_gate)
        {
            connection.HasSwallowed |= _mode == ChaosMode.BlackHole;
            return _mode == ChaosMode.BlackHole;
        }
    }

    internal void CountToServer(int bytes) => Interlocked.Add(ref _toServer, bytes);

    internal void CountToClient(int bytes) => Interlocked.Add(ref _toClient, bytes);

    /// <summary>How many of so many bytes may still pass to a client; fewer than asked for means: then cut.</summary>
    internal int Allow(int bytes)
    {
        while (true)
        {
            var left = Interlocked.Read(ref _cutAfter);
            if (left == long.MaxValue)
            {
                return bytes;
            }

            // The cut happens once: afterwards the limit is gone.
            var rest = left < bytes ? long.MaxValue : left - bytes;
            if (Interlocked.CompareExchange(ref _cutAfter, rest, left) == left)
            {
                return (int)Math.Min(left, bytes);
            }
        }
    }

    private void StartListening()
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            listener.Bind(new IPEndPoint(IPAddress.Loopback, Port));
            listener.Listen(512);
        }
        catch
        {
            listener.Dispose();
            throw;
        }

        _listener = listener;
        _accepting = Task.WhenAll(_accepting, AcceptAsync(listener));
    }

    private void StopListening()
    {
        try
        {
            // Closing is not enough: a process that is being started at this moment holds a copy until it has begun, and the system goes on accepting for as long.
            _listener?.Shutdown(SocketShutdown.Both);
        }
        catch (SocketException)
        {
            // Some systems know no such thing for a listener.
        }

        _listener?.Dispose();
        _listener = null;
    }

    private async Task AcceptAsync(Socket listener)
    {
        while (true)
        {
            Socket client;
            try
            {
                client = await listener.AcceptAsync(_ended.Token);
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException or OperationCanceledException)
            {
                return;
            }

            lock (_gate)
            {
                // Refused while it was being accepted. Who drops all connections after that would not find it, and it would live on.
                if (_listener != listener)
                {
                    client.Dispose();
                    return;
                }

                Interlocked.Increment(ref _accepted);
                var connection = new ChaosConnection(this, client);
                var listed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _connections[connection] = RunAsync(connection, listed.Task);
                listed.SetResult();
            }
        }
    }

    private async Task RunAsync(ChaosConnection connection, Task listed)
    {
        // What ends before it is listed would stay listed for ever.
        await listed;
        await connection.RunAsync();
        _connections.TryRemove(connection, out _);
    }
}
