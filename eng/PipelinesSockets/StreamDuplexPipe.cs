using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Pipelines.Sockets.Unofficial;

/// <summary>The pump over a stream.</summary>
internal sealed class StreamDuplexPipe : PumpedDuplexPipe
{
    private readonly Stream _stream;

    // Never disposed: it holds nothing without a timer, and closing must work at any time.
    private readonly CancellationTokenSource _closed = new();

    private StreamDuplexPipe(Stream stream, PipeOptions? sendOptions, PipeOptions? receiveOptions, string? name)
        : base(sendOptions, receiveOptions, name)
    {
        _stream = stream;
    }

    public static StreamDuplexPipe Create(Stream stream, PipeOptions? sendOptions, PipeOptions? receiveOptions, string? name)
    {
        var pipe = new StreamDuplexPipe(stream, sendOptions, receiveOptions, name);
        pipe.Start();
        return pipe;
    }

    private protected override ValueTask<int> ReceiveAsync(Memory<byte> buffer) => _stream.ReadAsync(buffer, _closed.Token);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private protected override async ValueTask<long> SendAsync(ReadOnlySequence<byte> buffer)
    {
        foreach (var memory in buffer)
        {
            await _stream.WriteAsync(memory, _closed.Token).ConfigureAwait(false);
        }

        await _stream.FlushAsync(_closed.Token).ConfigureAwait(false);
        return buffer.Length;
    }

    // A stream has no half-close in general; the caller's disposal ends the connection.
    private protected override ValueTask EndSendAsync() => default;

    // Cancel only: streams are not safe to dispose while an operation runs, and one with a buffer would flush it twice.
    private protected override void CloseTransport() => _closed.Cancel();

    private protected override void ReleaseTransport() => _stream.Dispose();
}
