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
/// <para>Outside clusters the client sends to a new master as soon as it has learned that it is one, and says so when it has asked all servers: up to its connectTimeout later, where one
/// does not answer. So <see cref="Look"/> compares who is a connected master with who was, after each answer and before that is used. What is sent to a master only was answered by one that
/// the client took for the master when it sent it, so a new one is seen before its first answer is used, whenever the client says what.</para>
/// </remarks>
internal sealed class ConnectionWatch : IDisposable
{
    private readonly Lock _lock = new();
    private readonly HashSet<EndPoint> _connected = [];
    private readonly HashSet<(EndPoint?, ConnectionType)> _passedOver = [];
    private readonly HashSet<(EndPoint Before, EndPoint After)> _takeovers = [];
    private readonly Lock _looking = new();
    private EndPoint[] _masters = [];
    private int _mostMasters = 1;
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

    /// <summary>
    /// How many connected masters there may be outside a cluster. Of several the client settles on one when it has asked all servers; while it asks it sends to any of them,
    /// also to one that has just been made master, beside the one that has yet to be made a replica.
    /// </summary>
    public int MostMasters => Volatile.Read(ref _mostMasters);

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
                _masters = Masters(multiplexer);
                Settle(true);
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

    /// <summary>Reports a server that has become the master, or has come back as one, since this was last called: before it returns, so that its answers are not used before.</summary>
    public void Look()
    {
        if (Volatile.Read(ref _multiplexer) is not { } multiplexer)
        {
            return;
        }

        var isNews = false;
        try
        {
            if (RedisConnection.IsCluster(multiplexer) || IsAsBefore(multiplexer.GetServers()))
            {
                return;
            }

            lock (_looking)
            {
                if (IsAsBefore(multiplexer.GetServers()))
                {
                    // Someone else has reported it meanwhile.
                    return;
                }

                var masters = Masters(multiplexer);

                // Of several any may have answered.
                isNews = masters.Length > MostMasters || _masters.Length > 1 || masters.Except(_masters).Any();
                if (isNews)
                {
                    lock (_lock)
                    {
                        _hasLost = true;
                    }

                    // Before it is known: whoever finds it known relies on its having been reported.
                    Restored?.Invoke();
                }

                Volatile.Write(ref _masters, masters);
            }
        }
        catch (ObjectDisposedException)
        {
            // The application has closed its connection. The next read fails by itself.
        }

        if (isNews)
        {
            Interrupted?.Invoke("another server is the master, or the same one again");
        }
    }

    private static EndPoint[] Masters(IConnectionMultiplexer multiplexer) => [.. multiplexer.GetServers().Where(IsConnectedMaster).Select(server => server.EndPoint)];

    // After it has been reported that the client has asked: nothing is read then before the one it has settled on has been told. One more is let in only if it is sure that the client has set it aside: one that is
    // silent when the client looks is not set aside for longer than it is silent.
    private void Settle(bool mayRaise)
    {
        try
        {
            if (Volatile.Read(ref _multiplexer) is { } multiplexer)
            {
                var count = Math.Max(1, Masters(multiplexer).Length);
                Volatile.Write(ref _mostMasters, mayRaise ? count : Math.Min(count, MostMasters));
            }
        }
        catch (ObjectDisposedException)
        {
            // The application has closed its connection.
        }
    }

    // Looked at after every answer, so without more than a look at each of the few servers.
    private bool IsAsBefore(IServer[] servers)
    {
        var known = Volatile.Read(ref _masters);
        var masters = 0;
        foreach (var server in servers)
        {
            if (IsConnectedMaster(server))
            {
                if (Array.IndexOf(known, server.EndPoint) < 0)
                {
                    return false;
                }

                masters++;
            }
        }

        return masters == known.Length;
    }

    public static bool IsConnectedMaster(IServer server) => server is { IsConnected: true, IsReplica: false };

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

    private void OnConfigurationChanged(object? sender, EndPointEventArgs arguments) => Asked(allAnswered: false);

    /// <summary>The client has looked at all servers, and settled on one of those that are masters. It says so also where it was at it already, and has settled on nothing yet.</summary>
    /// <param name="allAnswered">Whether it was made to ask each what it is, and each master has answered.</param>
    public void Asked(bool allAnswered)
    {
        bool isNews;
        lock (_lock)
        {
            isNews = _hasLost || _multiplexer is not { } multiplexer || Topology(multiplexer) != _topology;
            if (isNews)
            {
                // It may change back, and then it has changed twice.
                _hasLost = true;
                _takeovers.Clear();
            }
        }

        if (isNews)
        {
            Interrupted?.Invoke("the server's topology changed");
            Restored?.Invoke();
        }

        Settle(allAnswered);
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
