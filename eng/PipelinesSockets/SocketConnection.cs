using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Pipelines.Sockets.Unofficial;

/// <summary>A duplex pipe over a connected socket.</summary>
public sealed class SocketConnection : PumpedDuplexPipe
{
    // Below the smallest IOV_MAX in use; the rest goes out with the next send.
    private const int MaxGathered = 512;

    private readonly Socket _socket;
    private readonly SocketAwaitableEventArgs _receiveArgs;
    private readonly SocketAwaitableEventArgs _sendArgs;
    private readonly List<ArraySegment<byte>> _gathered = [];
    private int _socketError;

    private SocketConnection(Socket socket, PipeOptions? sendOptions, PipeOptions? receiveOptions, string? name)
        : base(sendOptions, receiveOptions, name)
    {
        _socket = socket;
        _receiveArgs = new SocketAwaitableEventArgs(receiveOptions?.WriterScheduler);
        _sendArgs = new SocketAwaitableEventArgs(sendOptions?.ReaderScheduler);
    }

    /// <summary>The first error a socket operation ended with.</summary>
    public SocketError SocketError => (SocketError)Volatile.Read(ref _socketError);

    public static SocketConnection Create(
        Socket socket,
        PipeOptions? sendPipeOptions = null,
        PipeOptions? receivePipeOptions = null,
        SocketConnectionOptions connectionOptions = SocketConnectionOptions.None,
        string? name = null)
    {
        ArgumentNullException.ThrowIfNull(socket);
        _ = connectionOptions;
        var connection = new SocketConnection(socket, sendPipeOptions, receivePipeOptions, name);
        connection.Start();
        return connection;
    }

    /// <summary>Fails early, and not in the middle of a connect, when an assembly below this one cannot be loaded.</summary>
    public static void AssertDependencies() => GC.KeepAlive(new Pipe());

    public static void SetRecommendedClientOptions(Socket socket)
    {
        ArgumentNullException.ThrowIfNull(socket);

        // Unix domain sockets reject the option.
        if (socket.ProtocolType == ProtocolType.Tcp)
        {
            socket.NoDelay = true;
        }
    }

    /// <summary>Records why the protocol ends the connection, for kinds that belong to protocols.</summary>
    public bool TrySetProtocolShutdown(PipeShutdownKind kind)
        => (int)kind is >= 400 and < 500 && TrySetShutdown(kind);

    public Counters GetCounters()
    {
        long available;
        try
        {
            available = _socket.Available;
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            available = 0;
        }

        return new Counters(available, WaitingToBeRead, WaitingToBeSent);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private protected override async ValueTask<int> ReceiveAsync(Memory<byte> buffer)
    {
        _receiveArgs.SetBuffer(buffer);
        if (!_socket.ReceiveAsync(_receiveArgs))
        {
            _receiveArgs.Complete();
        }

        return await _receiveArgs;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private protected override async ValueTask<long> SendAsync(ReadOnlySequence<byte> buffer)
    {
        SetSendBuffer(buffer);
        if (!_socket.SendAsync(_sendArgs))
        {
            _sendArgs.Complete();
        }

        var sent = await _sendArgs;
        return sent > 0 ? sent : throw new SocketException((int)SocketError.ConnectionReset);
    }

    private protected override ValueTask EndSendAsync()
    {
        _socket.Shutdown(SocketShutdown.Send);
        return default;
    }

    private protected override void CloseTransport() => _socket.Dispose();

    private protected override void ReleaseTransport()
    {
        _receiveArgs.Dispose();
        _sendArgs.Dispose();
    }

    private protected override void OnTransportFailure(Exception exception)
    {
        if (exception is SocketException socketException)
        {
            Interlocked.CompareExchange(ref _socketError, (int)socketException.SocketErrorCode, (int)SocketError.Success);
        }
    }

    private void SetSendBuffer(ReadOnlySequence<byte> buffer)
    {
        if (buffer.IsSingleSegment)
        {
            if (_sendArgs.BufferList is not null)
            {
                // The two kinds of buffer exclude each other.
                _sendArgs.BufferList = null;
            }

            _sendArgs.SetBuffer(MemoryMarshal.AsMemory(buffer.First));
            return;
        }

        _sendArgs.SetBuffer(null, 0, 0);
        _gathered.Clear();
        foreach (var memory in buffer)
        {
            if (_gathered.Count == MaxGathered)
            {
                break;
            }

            // Only memory over arrays can be gathered; other memory ends the batch, or is sent alone.
            if (!MemoryMarshal.TryGetArray(memory, out var segment))
            {
                if (_gathered.Count > 0)
                {
                    break;
                }

                _sendArgs.BufferList = null;
                _sendArgs.SetBuffer(MemoryMarshal.AsMemory(memory));
                return;
            }

            if (segment.Count > 0)
            {
                _gathered.Add(segment);
            }
        }

        _sendArgs.BufferList = _gathered;
    }

    /// <summary>Where bytes wait, for the caller's timeout messages.</summary>
    public readonly struct Counters
    {
        internal Counters(long onSocket, long toBeRead, long toBeSent)
        {
            BytesAvailableOnSocket = onSocket;
            BytesWaitingToBeRead = toBeRead;
            BytesWaitingToBeSent = toBeSent;
        }

        public long BytesAvailableOnSocket { get; }

        public long BytesWaitingToBeRead { get; }

        public long BytesWaitingToBeSent { get; }
    }
}
