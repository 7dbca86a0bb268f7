using System.Net;
using System.Net.Sockets;
using Pipelines.Sockets.Unofficial;

namespace Larder.PipelinesSockets.Tests.Units;

/// <summary>The awaitable behind connects, and its race with the timeout.</summary>
public sealed class SocketAwaitableEventArgsTests
{
    [Fact]
    public void An_abort_beats_a_late_completion()
    {
        using var args = new SocketAwaitableEventArgs(null);
        var resumed = 0;
        args.GetAwaiter().OnCompleted(() => resumed++);

        args.Abort(SocketError.TimedOut);
        args.Complete();

        Assert.Equal(1, resumed);
        Assert.Equal(SocketError.TimedOut, Error(args));
    }

    [Fact]
    public void An_abort_is_sticky_and_the_first_one_counts()
    {
        using var args = new SocketAwaitableEventArgs(null);
        args.Abort(SocketError.TimedOut);
        args.Abort(SocketError.OperationAborted);

        Assert.Equal(SocketError.TimedOut, Error(args));
        Assert.True(args.IsCompleted);
        Assert.Equal(SocketError.TimedOut, Error(args));
    }

    [Fact]
    public async Task An_abort_that_races_with_the_completion_resumes_once()
    {
        for (var round = 0; round < 5000; round++)
        {
            using var args = new SocketAwaitableEventArgs(null);
            var resumed = 0;
            using var start = new Barrier(2);
            var late = Task.Run(() => { start.SignalAndWait(); args.Complete(); });
            var waiting = WaitAsync();
            start.SignalAndWait();
            args.Abort(SocketError.TimedOut);

            await Task.WhenAll(late, waiting).WaitAsync(Eventually.Patience);
            Assert.Equal(1, resumed);

            async Task WaitAsync()
            {
                try
                {
                    await args;
                }
                catch (SocketException exception)
                {
                    Assert.Equal(SocketError.TimedOut, exception.SocketErrorCode);
                }

                resumed++;
            }
        }
    }

    [Fact]
    public async Task A_connect_can_be_aborted_and_cancelled()
    {
        // A listener with a full backlog never accepts: the connect stays pending for as long as the test needs.
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(0);
        List<Socket> sockets = [];
        List<SocketAwaitableEventArgs> pending = [];
        try
        {
            for (var i = 0; i < 8; i++)
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                var args = new SocketAwaitableEventArgs(null) { RemoteEndPoint = listener.LocalEndPoint };
                sockets.Add(socket);
                pending.Add(args);
                if (!socket.ConnectAsync(args))
                {
                    args.Complete();
                }
            }

            var last = pending[^1];
            var waiting = Task.Run(async () => await last);
            last.Abort(SocketError.TimedOut);
            Socket.CancelConnectAsync(last);

            var exception = await Assert.ThrowsAsync<SocketException>(() => waiting.WaitAsync(Eventually.Patience));
            Assert.Equal(SocketError.TimedOut, exception.SocketErrorCode);
        }
        finally
        {
            sockets.ForEach(socket => socket.Dispose());
            pending.ForEach(args => args.Dispose());
        }
    }

    private static SocketError Error(SocketAwaitableEventArgs args) => Assert.Throws<SocketException>(() => args.GetResult()).SocketErrorCode;
}
