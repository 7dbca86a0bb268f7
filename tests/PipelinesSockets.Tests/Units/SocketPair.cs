using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Pipelines.Sockets.Unofficial;

namespace Larder.PipelinesSockets.Tests.Units;

/// <summary>A connection under test and the plain socket at its other end.</summary>
internal sealed class SocketPair : IDisposable
{
    private SocketPair(Socket local, Socket peer, PipeOptions? send, PipeOptions? receive)
    {
        Local = local;
        Peer = peer;
        Connection = SocketConnection.Create(local, send, receive, SocketConnectionOptions.None, "pair");
    }

    public SocketConnection Connection { get; }

    public Socket Local { get; }

    public Socket Peer { get; }

    public static async Task<SocketPair> ConnectAsync(PipeOptions? send = null, PipeOptions? receive = null)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        var local = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        SocketConnection.SetRecommendedClientOptions(local);
        await local.ConnectAsync(listener.LocalEndPoint!);
        return new SocketPair(local, await listener.AcceptAsync(), send, receive);
    }

    /// <summary>Ends the peer's side with a reset instead of an end of stream.</summary>
    public void ResetByPeer()
    {
        Peer.LingerState = new LingerOption(true, 0);
        Peer.Dispose();
    }

    public void Dispose()
    {
        Connection.Dispose();
        Local.Dispose();
        Peer.Dispose();
    }
}
