using System.Globalization;
using System.Net;
using StackExchange.Redis;

namespace Larder.Health;

/// <summary>The application's connection as the probes see it. Nothing here opens one, and no command needs <c>AllowAdmin</c>.</summary>
internal sealed class ServerView
{
    public ServerView(IConnectionMultiplexer multiplexer, CancellationToken ending)
    {
        Multiplexer = multiplexer;
        var nodes = multiplexer.GetServers().Where(static server => server.ServerType != ServerType.Sentinel).Select(server => new ServerNode(server, ending)).ToArray();
        IsCluster = nodes.Any(static node => node.Server is { ServerType: ServerType.Cluster });

        // The client never forgets a node. One that it has lost counts only while it is said to have slots: it may have been taken away on purpose.
        var owners = nodes.FirstOrDefault(static node => node.Server is { IsConnected: true, ServerType: ServerType.Cluster })?.Server.ClusterConfiguration?.Nodes
            .Where(static node => node is { IsReplica: false, Slots.Count: > 0 }).Select(static node => node.EndPoint).ToHashSet();
        Masters = [.. nodes.Where(node => node.Server is { IsReplica: false } server && (server.IsConnected || owners?.Contains(server.EndPoint) is true))];
        Replicas = [.. nodes.Where(static node => node.Server is { IsReplica: true, IsConnected: true })];
    }

    public IConnectionMultiplexer Multiplexer { get; }

    /// <summary>The masters to which it is connected, and those of a cluster to which it should be.</summary>
    public IReadOnlyList<ServerNode> Masters { get; }

    /// <summary>The replicas to which it is connected.</summary>
    public IReadOnlyList<ServerNode> Replicas { get; }

    public bool IsCluster { get; }

    public static string Text(EndPoint? endPoint) =>
        endPoint is DnsEndPoint dns ? string.Create(CultureInfo.InvariantCulture, $"{dns.Host}:{dns.Port}") : endPoint?.ToString() ?? "";

    /// <summary>What INFO says of the nodes given; those that do not say are left out.</summary>
    public static async Task<IReadOnlyList<(ServerNode Node, ServerInfo Info)>> InfoAsync(IEnumerable<ServerNode> nodes)
    {
        var asked = nodes.Where(static node => node.Server.IsConnected).ToArray();
        var answers = await Task.WhenAll(asked.Select(static node => node.InfoAsync())).ConfigureAwait(false);
        return [.. asked.Zip(answers).Where(static pair => pair.Second is not null).Select(static pair => (pair.First, pair.Second!))];
    }
}

/// <summary>One server behind the connection.</summary>
internal sealed class ServerNode
{
    private readonly CancellationToken _ending;
    private readonly Lazy<Task<ServerInfo?>> _info;

    public ServerNode(IServer server, CancellationToken ending)
    {
        Server = server;
        _ending = ending;
        _info = new Lazy<Task<ServerInfo?>>(async () => await AskAsync("INFO").ConfigureAwait(false) is { } text ? ServerInfo.Parse(text) : null);
    }

    public IServer Server { get; }

    /// <summary>The fields of INFO; null where the server does not give them.</summary>
    public Task<ServerInfo?> InfoAsync() => _info.Value;

    /// <summary>Sends a command whose answer is a text; null where the server refuses it, or has not answered when the run ends.</summary>
    public async Task<string?> AskAsync(string command, params object[] arguments)
    {
        // The client's own methods for these commands ask for AllowAdmin, which is its rule and not the server's.
        var asking = Server.ExecuteAsync(command, arguments);
        try
        {
            return (string?)await asking.WaitAsync(_ending).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException or OperationCanceledException or ObjectDisposedException)
        {
            // One that is frozen must not hide what the others say, and nobody else will look at how its call ends.
            _ = asking.ContinueWith(static late => _ = late.Exception, TaskScheduler.Default);
            return null;
        }
    }
}
