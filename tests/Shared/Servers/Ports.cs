using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Larder.Tests.Shared;

/// <summary>Free loopback ports below those that the system hands to outgoing connections.</summary>
/// <remarks>
/// A server that is killed and restarted must find its port still free. A port from the system's own range could by
/// then belong to some client's connection.
/// </remarks>
internal static class Ports
{
    private const int First = 12_000;
    private const int Last = 21_999;
    private const int ClusterBusOffset = 10_000;
    private static readonly ConcurrentDictionary<int, bool> Given = new();

    /// <summary>A port that is free, and whose cluster bus port (10,000 higher) is free as well.</summary>
    internal static int Next()
    {
        for (var attempt = 0; attempt < 1_000; attempt++)
        {
            var port = Random.Shared.Next(First, Last + 1);

            // Given ones are not even looked at: to look is to listen, and a server that is just being started there again would find its port in use.
            if (Given.TryAdd(port, true) && IsFree(port) && IsFree(port + ClusterBusOffset))
            {
                return port;
            }
        }

        throw new InvalidOperationException($"No free port between {First} and {Last}.");
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            socket.Listen();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
