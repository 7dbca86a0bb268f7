using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Pipelines.Sockets.Unofficial;

namespace Larder.PipelinesSockets.Tests.Units;

/// <summary>Bytes through a connection, and what it tells about them.</summary>
public sealed class SocketConnectionTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(100_000)]
    [InlineData(20_000_000)]
    public async Task Bytes_arrive_in_both_directions(int length)
    {
        // Minimal segments make more of them than one system call takes.
        using var pair = await SocketPair.ConnectAsync(new PipeOptions(minimumSegmentSize: 16, useSynchronizationContext: false));
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        var echo = EchoAsync(pair.Peer, length);

        var writing = WriteAsync(pair.Connection.Output, bytes);
        var back = await ReadAsync(pair.Connection.Input, length).WaitAsync(Eventually.Patience);

        Assert.True(bytes.AsSpan().SequenceEqual(back));
        await writing;
        await echo;
        Assert.Equal(length, pair.Connection.BytesRead);
        await Eventually.TrueAsync(() => pair.Connection.BytesSent == length, "the send that the peer has already seen is counted");
        Assert.Equal(length, ((IMeasuredDuplexPipe)pair.Connection).TotalBytesReceived);
    }

    [Fact]
    public async Task Counters_tell_where_bytes_wait()
    {
        using var pair = await SocketPair.ConnectAsync();
        await pair.Peer.SendAsync(new byte[100]);
        var read = await pair.Connection.Input.ReadAtLeastAsync(100);
        pair.Connection.Input.AdvanceTo(read.Buffer.GetPosition(40), read.Buffer.End);

        pair.Connection.Output.GetMemory(10);
        pair.Connection.Output.Advance(10);

        var counters = pair.Connection.GetCounters();
        Assert.Equal(60, counters.BytesWaitingToBeRead);
        Assert.Equal(10, counters.BytesWaitingToBeSent);
        Assert.Equal(0, counters.BytesAvailableOnSocket);
        Assert.Equal(100, pair.Connection.LastReceived);
    }

    [Fact]
    public async Task NoDelay_is_set_on_tcp_sockets_only()
    {
        using var pair = await SocketPair.ConnectAsync();
        using var local = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

        SocketConnection.SetRecommendedClientOptions(local);

        Assert.True(pair.Local.NoDelay);
        SocketConnection.AssertDependencies();
    }

    [Fact]
    public async Task Completing_the_output_sends_what_is_left_and_an_end_of_stream()
    {
        using var pair = await SocketPair.ConnectAsync();
        pair.Connection.Output.Write(new byte[1000]);
        await pair.Connection.Output.CompleteAsync();

        var received = 0;
        var buffer = new byte[4096];
        while (await pair.Peer.ReceiveAsync(buffer).WaitAsync(Eventually.Patience) is var n and > 0)
        {
            received += n;
        }

        Assert.Equal(1000, received);
        await pair.Peer.SendAsync(new byte[10]);
        Assert.Equal(10, (await pair.Connection.Input.ReadAtLeastAsync(10)).Buffer.Length);
    }

    /// <summary>How much one receive takes is our own choice; with a fixed size, values of 1 MB take twice as long.</summary>
    [Fact]
    public async Task Receives_grow_while_a_large_value_streams_in()
    {
        using var pair = await SocketPair.ConnectAsync();
        var largest = 0;
        var sending = pair.Peer.SendAsync(new byte[50_000_000]);
        for (var left = 50_000_000L; left > 0;)
        {
            var read = await pair.Connection.Input.ReadAsync();
            left -= read.Buffer.Length;
            largest = Math.Max(largest, pair.Connection.LastReceived);
            pair.Connection.Input.AdvanceTo(read.Buffer.End);
        }

        await sending;
        Assert.InRange(largest, 32 * 1024, 512 * 1024);
    }

    private static async Task EchoAsync(Socket peer, int length)
    {
        var buffer = new byte[65536];
        for (var left = length; left > 0;)
        {
            var n = await peer.ReceiveAsync(buffer);
            for (var sent = 0; sent < n;)
            {
                sent += await peer.SendAsync(buffer.AsMemory(sent, n - sent));
            }

            left -= n;
        }
    }

    private static async Task WriteAsync(PipeWriter output, byte[] bytes)
    {
        for (var at = 0; at < bytes.Length; at += 1 << 20)
        {
            output.Write(bytes.AsSpan(at, Math.Min(1 << 20, bytes.Length - at)));
            await output.FlushAsync();
        }
    }

    private static async Task<byte[]> ReadAsync(PipeReader input, int length)
    {
        var bytes = new byte[length];
        for (var at = 0; at < length;)
        {
            var read = await input.ReadAsync();
            read.Buffer.CopyTo(bytes.AsSpan(at));
            at += (int)read.Buffer.Length;
            input.AdvanceTo(read.Buffer.End);
        }

        return bytes;
    }
}
