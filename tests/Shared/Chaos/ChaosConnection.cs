using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Larder.Tests.Shared;

/// <summary>One client's connection through a <see cref="ChaosProxy"/>: two pumps, each a reader, a queue and a writer.</summary>
internal sealed class ChaosConnection(ChaosProxy proxy, Socket client) : IDisposable
{
    private const int QueuedPieces = 256;

    private readonly Socket _server = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly CancellationTokenSource _cut = new();
    private volatile bool _hasSwallowed;

    /// <summary>Whether one side lacks data that the other has sent, so that nothing sensible can follow.</summary>
    internal bool HasSwallowed
    {
        get => _hasSwallowed;
        set => _hasSwallowed = value;
    }

    /// <summary>Ends both sides with a reset.</summary>
    internal void Cut()
    {
        try
        {
            _cut.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It has just ended by itself.
        }
    }

    internal async Task RunAsync()
    {
        try
        {
            client.NoDelay = true;
            if (proxy.Swallows(this))
            {
                await SwallowAsync();
                return;
            }

            await _server.ConnectAsync(IPAddress.Loopback, proxy.ServerPort, _cut.Token);
            await Task.WhenAll(
                PumpAsync(client, _server, toClient: false),
                PumpAsync(_server, client, toClient: true));
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException or ChannelClosedException)
        {
            // One side went away, or the test had it cut. The other side learns it as it would from a network.
            ResetOnClose(client);
            ResetOnClose(_server);
        }
        finally
        {
            Dispose();
        }
    }

    public void Dispose()
    {
        client.Dispose();
        _server.Dispose();
        _cut.Dispose();
    }

    /// <summary>With no time to linger, closing sends a reset instead of a polite end.</summary>
    private static void ResetOnClose(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (SocketException)
        {
            // Some systems refuse this on a connection that is already reset.
        }
    }

    /// <summary>Takes what the client sends until it gives up. Needs no server: it may be dead.</summary>
    private async Task SwallowAsync()
    {
        var buffer = new byte[64 * 1024];
        while (await client.ReceiveAsync(buffer, _cut.Token) > 0)
        {
        }
    }

    private async Task PumpAsync(Socket from, Socket to, bool toClient)
    {
        var queue = Channel.CreateBounded<(byte[] Bytes, long ReadAt)>(QueuedPieces);
        try
        {
            await Task.WhenAll(ReadAsync(from, queue.Writer), WriteAsync(to, queue.Reader, toClient));
        }
        catch
        {
            // One pump's end must end the other, which may be waiting for data that never comes.
            await _cut.CancelAsync();
            throw;
        }
    }

    private async Task ReadAsync(Socket from, ChannelWriter<(byte[] Bytes, long ReadAt)> queue)
    {
        try
        {
            var buffer = new byte[64 * 1024];
            int count;
            while ((count = await from.ReceiveAsync(buffer, _cut.Token)) > 0)
            {
                await queue.WriteAsync((buffer[..count], Stopwatch.GetTimestamp()), _cut.Token);
            }

            queue.Complete();
        }
        catch
        {
            await _cut.CancelAsync();
            throw;
        }
    }

    private async Task WriteAsync(Socket to, ChannelReader<(byte[] Bytes, long ReadAt)> queue, bool toClient)
    {
        await foreach (var (bytes, readAt) in queue.ReadAllAsync(_cut.Token))
        {
            var wait = (toClient ? proxy.DelayToClient : proxy.DelayToServer) - Stopwatch.GetElapsedTime(readAt);
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait, _cut.Token);
            }

            if (proxy.Swallows(this))
            {
                continue;
            }

            var allowed = toClient ? proxy.Allow(bytes.Length) : bytes.Length;
            // Counted first: who has an answer must find it counted.
            if (toClient)
            {
                proxy.CountToClient(allowed);
            }
            else
            {
                proxy.CountToServer(allowed);
            }

            await SendAsync(to, bytes.AsMemory(0, allowed));
            if (allowed < bytes.Length)
            {
                await _cut.CancelAsync();
                _cut.Token.ThrowIfCancellationRequested();
            }
        }

        to.Shutdown(SocketShutdown.Send);
    }

    private async Task SendAsync(Socket to, ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await to.SendAsync(bytes, _cut.Token)..];
        }
    }
}
