using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Pipelines.Sockets.Unofficial;

namespace Larder.PipelinesSockets.Tests.Units;

/// <summary>How connections end: why, who is told, and when memory goes back.</summary>
public sealed class SocketShutdownTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_reason_is_known_before_the_reader_is_woken(bool reset)
    {
        // Inline: the reader runs within the completion, and sees what was there before it.
        var inline = new PipeOptions(readerScheduler: PipeScheduler.Inline, useSynchronizationContext: false);
        using var pair = await SocketPair.ConnectAsync(receive: inline);
        var seen = KindSeenByReaderAsync(pair.Connection);

        if (reset)
        {
            pair.ResetByPeer();
        }
        else
        {
            pair.Peer.Dispose();
        }

        Assert.Equal(reset ? PipeShutdownKind.ReadFailed : PipeShutdownKind.ReadEndOfStream, await seen.WaitAsync(Eventually.Patience));
        Assert.Equal(!reset, pair.Connection.LastReceived == 0);
    }

    [Fact]
    public async Task The_first_reason_is_the_one_kept()
    {
        using var pair = await SocketPair.ConnectAsync();

        Assert.False(pair.Connection.TrySetProtocolShutdown(PipeShutdownKind.ReadEndOfStream));
        Assert.Equal(PipeShutdownKind.None, pair.Connection.ShutdownKind);
        Assert.True(pair.Connection.TrySetProtocolShutdown(PipeShutdownKind.ProtocolExitClient));
        pair.Peer.Dispose();
        await pair.Connection.Input.ReadAsync();
        pair.Connection.Dispose();

        Assert.Equal(PipeShutdownKind.ProtocolExitClient, pair.Connection.ShutdownKind);
    }

    [Fact]
    public async Task A_reset_reaches_the_reader_as_an_exception()
    {
        using var pair = await SocketPair.ConnectAsync();
        pair.ResetByPeer();

        await Assert.ThrowsAsync<ConnectionResetException>(async () => await pair.Connection.Input.ReadAsync());
        Assert.NotEqual(PipeShutdownKind.None, pair.Connection.ShutdownKind);
        Assert.Equal(SocketError.ConnectionReset, pair.Connection.SocketError);
    }

    [Fact]
    public async Task A_failed_write_surfaces_from_flush_and_wakes_the_reader()
    {
        using var pair = await SocketPair.ConnectAsync();
        var reading = Task.Run(async () => await pair.Connection.Input.ReadAsync());

        // Only the sending half fails: nothing but the writer can wake the reader.
        pair.Local.Shutdown(SocketShutdown.Send);
        await Assert.ThrowsAsync<ConnectionResetException>(async () =>
        {
            while (true)
            {
                await pair.Connection.Output.WriteAsync(new byte[100]);
            }
        }).WaitAsync(Eventually.Patience);

        await Assert.ThrowsAsync<ConnectionResetException>(() => reading.WaitAsync(Eventually.Patience));
        Assert.InRange((int)pair.Connection.ShutdownKind, 200, 299);
    }

    [Fact]
    public async Task Dispose_ends_loops_that_wait_for_the_caller()
    {
        var pool = new TrackingPool();
        var options = new PipeOptions(pool, pauseWriterThreshold: 1, resumeWriterThreshold: 1, useSynchronizationContext: false);
        var pair = await SocketPair.ConnectAsync(options, options);
        await pair.Peer.SendAsync(new byte[100]);
        await Eventually.TrueAsync(() => pair.Connection.GetCounters().BytesWaitingToBeRead == 100, "the receive loop waits for the reader");

        pair.Dispose();
        pair.Dispose();
        pair.Connection.Input.Complete();
        pair.Connection.Output.Complete();

        await Eventually.TrueAsync(() => pool.Rented == 0, "both loops ended and gave all memory back");
        Assert.Equal(PipeShutdownKind.PipeDisposed, pair.Connection.ShutdownKind);
    }

    [Fact]
    public async Task Memory_stays_rented_while_a_receive_is_in_flight()
    {
        var pool = new TrackingPool();
        var options = new PipeOptions(pool, useSynchronizationContext: false);
        using var pair = await SocketPair.ConnectAsync(options, options);
        await Eventually.TrueAsync(() => pool.Rented == 1, "the receive is in flight");

        await pair.Connection.Input.CompleteAsync();
        await pair.Connection.Output.CompleteAsync();

        // The end of stream proves that the send loop is done; the receive goes on, and so does its buffer.
        Assert.Equal(0, await pair.Peer.ReceiveAsync(new byte[1]));
        Assert.Equal(1, pool.Rented);
        pair.Peer.Dispose();
        await Eventually.TrueAsync(() => pool.Rented == 0, "the receive ended");
        pool.AssertNothingWasWrittenAfterReturn();
    }

    [Fact]
    public async Task Disposal_under_load_returns_memory_only_when_nobody_writes_to_it()
    {
        var pool = new TrackingPool();
        var options = new PipeOptions(pool, useSynchronizationContext: false);
        for (var round = 0; round < 100; round++)
        {
            using var pair = await SocketPair.ConnectAsync(options, options);
            var peer = FloodAsync(pair.Peer);
            var writing = WriteUntilClosedAsync(pair.Connection.Output);
            var read = await pair.Connection.Input.ReadAtLeastAsync(round * 1000);
            pair.Connection.Input.AdvanceTo(read.Buffer.End);

            // The order in which StackExchange.Redis shuts down.
            pair.Connection.Input.CancelPendingRead();
            pair.Connection.Input.Complete();
            pair.Connection.Output.CancelPendingFlush();
            pair.Connection.Dispose();
            await writing.WaitAsync(Eventually.Patience);
            pair.Connection.Output.Complete();
            pair.Peer.Dispose();
            await peer.WaitAsync(Eventually.Patience);
        }

        await Eventually.TrueAsync(() => pool.Rented == 0, "all memory came back");
        pool.AssertNothingWasWrittenAfterReturn();
    }

    private static Task<PipeShutdownKind> KindSeenByReaderAsync(SocketConnection connection)
    {
        var seen = new TaskCompletionSource<PipeShutdownKind>();
        var read = connection.Input.ReadAsync().ConfigureAwait(false).GetAwaiter();
        Assert.False(read.IsCompleted);
        read.UnsafeOnCompleted(() => seen.SetResult(connection.ShutdownKind));
        return seen.Task;
    }

    private static async Task FloodAsync(Socket peer)
    {
        try
        {
            var receiving = DrainAsync(peer);
            while (true)
            {
                await peer.SendAsync(new byte[10_000]);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
        }
    }

    private static async Task DrainAsync(Socket peer)
    {
        try
        {
            while (await peer.ReceiveAsync(new byte[10_000]) > 0)
            {
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
        }
    }

    private static async Task WriteUntilClosedAsync(PipeWriter output)
    {
        try
        {
            while (!(await output.WriteAsync(new byte[5000])).IsCompleted)
            {
            }
        }
        catch (ConnectionResetException)
        {
        }
    }
}
