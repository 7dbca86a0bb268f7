using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Pipelines.Sockets.Unofficial;

namespace Larder.PipelinesSockets.Tests.Units;

/// <summary>Pipes over streams, as TLS connections use them.</summary>
public sealed class StreamConnectionTests
{
    [Fact]
    public async Task A_duplex_carries_both_directions_and_ends_when_disposed()
    {
        using var pair = await SocketPair.ConnectAsync();
        await using var stream = new NetworkStream(pair.Peer, ownsSocket: true);
        var pool = new TrackingPool();
        var options = new PipeOptions(pool, useSynchronizationContext: false);
        var duplex = StreamConnection.GetDuplex(stream, options, options, "stream");

        await duplex.Output.WriteAsync(new byte[200_000]);
        var there = await pair.Connection.Input.ReadAtLeastAsync(200_000);
        await pair.Connection.Output.WriteAsync(there.Buffer.ToArray());
        var back = await duplex.Input.ReadAtLeastAsync(200_000);
        Assert.Equal(200_000, back.Buffer.Length);
        await Eventually.TrueAsync(() => ((IMeasuredDuplexPipe)duplex).TotalBytesSent == 200_000, "the write is counted");
        duplex.Input.AdvanceTo(back.Buffer.End);

        duplex.Input.Complete();
        duplex.Output.Complete();
        ((IDisposable)duplex).Dispose();
        await Eventually.TrueAsync(() => pool.Rented == 0, "all memory came back");
    }

    [Fact]
    public async Task The_thresholds_of_the_caller_hold_back_both_directions()
    {
        const int Threshold = 64 * 1024;
        var options = new PipeOptions(pauseWriterThreshold: Threshold, resumeWriterThreshold: Threshold / 2, useSynchronizationContext: false);
        await using var stream = new GatedStream();
        var duplex = StreamConnection.GetDuplex(stream, options, options);

        Assert.False((await duplex.Output.WriteAsync(new byte[Threshold - 1])).IsCompleted);
        var held = duplex.Output.WriteAsync(new byte[1]).AsTask();
        Assert.False(held.IsCompleted);
        stream.OpenWrites();
        Assert.False((await held.WaitAsync(Eventually.Patience)).IsCompleted);

        // Endless data, and nobody reads: no more than the threshold and the receive that crosses it.
        stream.OpenReads();
        var measured = (IMeasuredDuplexPipe)duplex;
        await Eventually.TrueAsync(() => measured.TotalBytesReceived >= Threshold, "the pipe fills up");
        Assert.InRange(measured.TotalBytesReceived, Threshold, 3 * Threshold);
        ((IDisposable)duplex).Dispose();
    }

    [Fact]
    public async Task Operations_in_flight_keep_their_memory_and_their_stream()
    {
        var pool = new TrackingPool();
        var options = new PipeOptions(pool, useSynchronizationContext: false);
        var stream = new GatedStream();
        var duplex = StreamConnection.GetDuplex(stream, options, options);
        await duplex.Output.WriteAsync(new byte[100]);
        await Eventually.TrueAsync(() => pool.Rented == 2, "a read and a write are in flight");

        ((IDisposable)duplex).Dispose();
        duplex.Input.Complete();
        duplex.Output.Complete();
        Assert.Equal(2, pool.Rented);
        Assert.False(stream.IsDisposed);

        stream.OpenReads();
        stream.OpenWrites();
        await Eventually.TrueAsync(() => pool.Rented == 0, "both operations ended");
        await Eventually.TrueAsync(() => stream.IsDisposed, "the stream is disposed after them");
        pool.AssertNothingWasWrittenAfterReturn();
    }

    [Fact]
    public async Task A_reader_reads_to_the_end_of_its_stream()
    {
        var bytes = Enumerable.Range(0, 100_000).Select(i => (byte)i).ToArray();
        var reader = StreamConnection.GetReader(new MemoryStream(bytes), null, null);

        var read = await reader.ReadAtLeastAsync(bytes.Length);

        Assert.Equal(bytes, read.Buffer.ToArray());
        reader.AdvanceTo(read.Buffer.End);
        Assert.True((await reader.ReadAsync()).IsCompleted);
        await reader.CompleteAsync();
    }

    [Fact]
    public void A_duplex_needs_both_directions()
        => Assert.ThrowsAny<Exception>(() => StreamConnection.GetDuplex(new MemoryStream([], writable: false)));
}
