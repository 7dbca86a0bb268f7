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
        Assert.Equal(200_000, ((IMeasuredDuplexPipe)duplex).TotalBytesSent);
        duplex.Input.AdvanceTo(back.Buffer.End);

        duplex.Input.Complete();
        duplex.Output.Complete();
        ((IDisposable)duplex).Dispose();
        await Eventually.TrueAsync(() => pool.Rented == 0, "all memory came back");
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
