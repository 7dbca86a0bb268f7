using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Pipelines.Sockets.Unofficial;

/// <summary>
/// Two pipes, and two loops that move their bytes to and from a transport. The loops own the transport side of the
/// pipes: only a loop completes its side, and only after its last operation has ended, because completing returns
/// buffers to the pool while the kernel may still write into them.
/// </summary>
public abstract class PumpedDuplexPipe : IMeasuredDuplexPipe, IDisposable
{
    private const int SmallestReceive = 2048;

    private readonly Pipe _receive;
    private readonly Pipe _send;
    private readonly MeteredPipeReader _input;
    private readonly MeteredPipeWriter _output;
    private readonly int _firstReceive;
    private readonly string _name;
    private int _shutdownKind;
    private int _running = 2;
    private volatile bool _disposed;
    private long _received;
    private long _sent;
    private int _lastReceived = -1;

    private protected PumpedDuplexPipe(PipeOptions? sendOptions, PipeOptions? receiveOptions, string? name)
    {
        // The caller's thresholds, pool and schedulers are used as they are.
        _send = new Pipe(sendOptions ?? PipeOptions.Default);
        _receive = new Pipe(receiveOptions ?? PipeOptions.Default);
        _firstReceive = Math.Max(receiveOptions?.MinimumSegmentSize ?? 0, SmallestReceive);
        _input = new MeteredPipeReader(_receive.Reader);
        _output = new MeteredPipeWriter(_send.Writer);
        _name = name ?? GetType().Name;
    }

    public PipeReader Input => _input;

    public PipeWriter Output => _output;

    /// <summary>The first reason recorded, whatever followed from it.</summary>
    public PipeShutdownKind ShutdownKind => (PipeShutdownKind)Volatile.Read(ref _shutdownKind);

    public long BytesRead => Volatile.Read(ref _received);

    public long BytesSent => Volatile.Read(ref _sent);

    /// <summary>Size of the last receive, 0 after the peer's end of stream, -1 before the first.</summary>
    public int LastReceived => Volatile.Read(ref _lastReceived);

    long IMeasuredDuplexPipe.TotalBytesSent => BytesSent;

    long IMeasuredDuplexPipe.TotalBytesReceived => BytesRead;

    private protected long WaitingToBeRead => Math.Max(0, BytesRead - _input.Consumed);

    private protected long WaitingToBeSent => Math.Max(0, _output.Written - BytesSent);

    public override string ToString() => _name;

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (!disposing || _disposed)
        {
            return;
        }

        _disposed = true;
        TrySetShutdown(PipeShutdownKind.PipeDisposed);
        CloseTransport();

        // The loops may wait for the caller's side rather than for the transport. Cancelling wakes them; completing
        // from here would race with their use of the pipes.
        _send.Reader.CancelPendingRead();
        _receive.Writer.CancelPendingFlush();
    }

    /// <summary>Starts both loops on the thread pool, without the creator's async locals: they live as long as the connection.</summary>
    private protected void Start()
    {
        ThreadPool.UnsafeQueueUserWorkItem(static pipe => _ = pipe.ReceiveLoopAsync(), this, preferLocal: false);
        ThreadPool.UnsafeQueueUserWorkItem(static pipe => _ = pipe.SendLoopAsync(), this, preferLocal: false);
    }

    private protected bool TrySetShutdown(PipeShutdownKind kind)
        => Interlocked.CompareExchange(ref _shutdownKind, (int)kind, (int)PipeShutdownKind.None) == (int)PipeShutdownKind.None;

    private protected abstract ValueTask<int> ReceiveAsync(Memory<byte> buffer);

    /// <summary>Sends at least one byte, and returns how many.</summary>
    private protected abstract ValueTask<long> SendAsync(ReadOnlySequence<byte> buffer);

    /// <summary>Tells the peer that nothing more will be sent.</summary>
    private protected abstract ValueTask EndSendAsync();

    /// <summary>Ends operations in flight and fails later ones. Called from any thread, any number of times.</summary>
    private protected abstract void CloseTransport();

    /// <summary>Called once, when neither loop will touch the transport again.</summary>
    private protected abstract void ReleaseTransport();

    private protected virtual void OnTransportFailure(Exception exception)
    {
    }

    private async Task ReceiveLoopAsync()
    {
        var writer = _receive.Writer;
        Exception? failure = null;
        try
        {
            var size = new ReceiveSize(_firstReceive);
            while (!_disposed)
            {
                var memory = writer.GetMemory(size.Next);
                var received = await ReceiveAsync(memory).ConfigureAwait(false);
                Volatile.Write(ref _lastReceived, received);
                if (received <= 0)
                {
                    TrySetShutdown(PipeShutdownKind.ReadEndOfStream);
                    break;
                }

                Volatile.Write(ref _received, _received + received);
                size.Observe(received, memory.Length);
                writer.Advance(received);
                var flush = await writer.FlushAsync().ConfigureAwait(false);
                if (flush.IsCompleted)
                {
                    TrySetShutdown(PipeShutdownKind.InputCompleted);
                    break;
                }
            }
        }
        catch (Exception exception)
        {
            failure = exception;
        }

        // The kind before the completion: whoever is woken by the completion reads the kind.
        if (failure is not null && Stopped(failure, PipeShutdownKind.ReadFailed))
        {
            failure = null;
        }

        writer.Complete(failure is null ? null : AsReset(failure));
        Leave();
    }

    private async Task SendLoopAsync()
    {
        var reader = _send.Reader;
        Exception? failure = null;
        try
        {
            while (await SendNextAsync(reader).ConfigureAwait(false))
            {
            }
        }
        catch (Exception exception)
        {
            failure = exception;
            Stopped(exception, PipeShutdownKind.WriteFailed);
        }

        // FlushAsync throws what the reading side was completed with: this is how a failed write reaches the caller.
        reader.Complete(failure is null ? null : AsReset(failure));
        if (failure is not null)
        {
            // A dead writer must wake the reader, which would wait for a reply that cannot come.
            CloseTransport();
        }

        Leave();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> SendNextAsync(PipeReader reader)
    {
        var read = await reader.ReadAsync().ConfigureAwait(false);
        ObjectDisposedException.ThrowIf(_disposed, this);
        var buffer = read.Buffer;
        if (!buffer.IsEmpty)
        {
            // What is written meanwhile gathers in the pipe and goes out with the next send.
            var sent = await SendAsync(buffer).ConfigureAwait(false);
            reader.AdvanceTo(buffer.GetPosition(sent));
            Volatile.Write(ref _sent, _sent + sent);
            return true;
        }

        reader.AdvanceTo(buffer.End);
        if (read.IsCompleted)
        {
            TrySetShutdown(PipeShutdownKind.OutputCompleted);
            await EndSendAsync().ConfigureAwait(false);
            return false;
        }

        return true;
    }

    /// <summary>Records the failure unless it only follows from a local disposal; says whether it does.</summary>
    private bool Stopped(Exception exception, PipeShutdownKind kind)
    {
        if (_disposed)
        {
            return true;
        }

        OnTransportFailure(exception);
        TrySetShutdown(kind);
        return false;
    }

    private ConnectionResetException AsReset(Exception exception)
        => exception as ConnectionResetException ?? new ConnectionResetException($"{_name}: {exception.Message}", exception);

    private void Leave()
    {
        if (Interlocked.Decrement(ref _running) == 0)
        {
            ReleaseTransport();
        }
    }
}
