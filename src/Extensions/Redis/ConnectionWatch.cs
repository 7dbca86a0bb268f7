using System.Net;
using System.Text;
using StackExchange.Redis;

namespace Larder.Redis;

/// <summary>
/// Tells from what the client says of its connections when messages may have been missed, and when another server may answer from now on, or the same one without its data.
/// </summary>
/// <remarks>
/// <para>The client says "restored" of every connection that it makes, the first one included, and "configuration changed" whenever it has asked for the topology, whatever
/// the answer was. It says so through the thread pool: some time after the connection is in use, and in any order. (StackExchange.Redis 2.13:
/// <c>ServerEndPoint.OnFullyEstablished</c>, <c>ConnectionMultiplexer.ReconfigureAsync</c>.) Taken at its word, it would put in doubt what a node has
/// cached since it started.</para>
/// <para>So two things are passed over as long as no connection has been reported lost: the first "restored" of each connection to a server that was connected when the watch began,
/// and "configuration changed" if each server is what it was then. The watch begins before the first command can be sent, so there is nothing yet that a
/// server could have acknowledged and lost. What is passed over once too often is made up for: the report of the loss may be overtaken by that of the new connection, so a loss
/// counts as a restoration as well if one of the same connection has been passed over. After the first loss everything counts.</para>
/// <para>A cluster's failover in good order breaks no connection, and the client does not ask for the topology again within five seconds of having asked. The first sign is that
/// a server refers to another one for a slot. It does so slot by slot, so each pair of servers counts once, until it is the other way round or the client has asked.</para>
/// </remarks>
internal sealed class ConnectionWatch : IDisposable
{
    private readonly Lock _lock = new();
    private readonly HashSet<EndPoint> _connected = [];
    private readonly HashSet<(EndPoint?, ConnectionType)> _passedOver = [];
    private readonly HashSet<(EndPoint Before, EndPoint After)> _takeovers = [];
    private IConnectionMultiplexer? _multiplexer;
    private string _topology = "";
    private bool _hasLost;
    private bool _disposed;

    /// <inheritdoc cref="Backplane.IBackplaneTransport.Interrupted"/>
    public event Action<string>? Interrupted;

    /// <inheritdoc cref="Backplane.IBackplaneTransport.Restored"/>
    public event Action? Restored;

    /// <summary>A server has first referred to another one, which has taken over from it: the client may not know yet what the two are.</summary>
    public event Action? TakenOver;

    /// <summary>Begins to watch. To be called before anyone else is given the connection.</summary>
    public void Begin(IConnectionMultiplexer multiplexer)
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            // Events wait for the lock, so none is judged before it is known who is connected.
            _multiplexer = multiplexer;
            multiplexer.ConnectionFailed += OnConnectionFailed;
            multiplexer.ConnectionRestored += OnConnectionRestored;
            multiplexer.ConfigurationChanged += OnConfigurationChanged;
            multiplexer.HashSlotMoved += OnHashSlotMoved;
            try
            {
                _topology = Topology(multiplexer);
                foreach (var server in multiplexer.GetServers().Where(server => server.IsConnected))
                {
                    _connected.Add(server.EndPoint);
                }
            }
            catch
            {
                // It may be the application's, and be handed over again.
                End();
                throw;
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            End();
        }
    }

    private void End()
    {
        if (_multiplexer is { } multiplexer)
        {
            multiplexer.ConnectionFailed -= OnConnectionFailed;
            multiplexer.ConnectionRestored -= OnConnectionRestored;
            multiplexer.ConfigurationChanged -= OnConfigurationChanged;
            multiplexer.HashSlotMoved -= OnHashSlotMoved;
            _multiplexer = null;
        }
    }

    private void OnConnectionFailed(object? sender, ConnectionFailedEventArgs arguments)
    {
        bool mayBeRestored;
        lock (_lock)
        {
            mayBeRestored = _passedOver.Contains((arguments.EndPoint, arguments.ConnectionType));
            _passedOver.Clear();
            _hasLost = true;
        }

        Interrupted?.Invoke($"connection {arguments.ConnectionType} failed: {arguments.FailureType}");
        if (mayBeRestored)
        {
            Restored?.Invoke();
        }
    }

    private void OnConnectionRestored(object? sender, ConnectionFailedEventArgs arguments)
    {
        lock (_lock)
        {
            if (!_hasLost && arguments.EndPoint is { } server && _connected.Contains(server) && _passedOver.Add((server, arguments.ConnectionType)))
            {
                return;
            }
        }

        Interrupted?.Invoke($"connection {arguments.ConnectionType} restored");
        Restored?.Invoke();
    }

    private void OnConfigurationChanged(object? sender, EndPointEventArgs arguments)
    {
        lock (_lock)
        {
            if (!_hasLost && _multiplexer is { } multiplexer && Topology(multiplexer) == _topology)
            {
                return;
            }

            // It may change back, and then it has changed twice.
            _hasLost = true;
            _takeovers.Clear();
        }

        Interrupted?.Invoke("the server's topology changed");
        Restored?.Invoke();
    }

    private void OnHashSlotMoved(object? sender, HashSlotMovedEventArgs arguments)
    {
        if (arguments is not { OldEndPoint: { } before, NewEndPoint: { } after })
        {
            return;
        }

        lock (_lock)
        {
            if (!_takeovers.Add((before, after)))
            {
                return;
            }

            _takeovers.Remove((after, before));
            _hasLost = true;
        }

        TakenOver?.Invoke();
        Interrupted?.Invoke("another server has taken over slots of the cluster");
        Restored?.Invoke();
    }

    // Which servers there are, which of them are replicas, and which slots of a cluster are whose.
    private static string Topology(IConnectionMultiplexer multiplexer)
    {
        var text = new StringBuilder();
        var servers = multiplexer.GetServers();
        foreach (var server in servers.OrderBy(server => server.EndPoint.ToString(), StringComparer.Ordinal))
        {
            text.Append(server.EndPoint).Append(server.IsReplica ? " replica" : " master").Append('\n');
        }

        if (servers.Select(server => server.ClusterConfiguration).FirstOrDefault(found => found is not null) is { } cluster)
        {
            foreach (var node in cluster.Nodes.OrderBy(node => node.NodeId, StringComparer.Ordinal))
            {
                text.Append(node.NodeId).Append(node.IsReplica ? " replica" : " master").AppendJoin(' ', node.Slots.Select(range => $" {range.From}-{range.To}")).Append('\n');
            }
        }

        return text.ToString();
    }
}
