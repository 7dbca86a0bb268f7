using System.Runtime.CompilerServices;
using StackExchange.Redis;

namespace Larder.Redis;

/// <summary>Lists keys of the server in small steps, on a cluster those of each master; nothing blocks the server.</summary>
internal static class RedisKeys
{
    /// <summary>How many keys a step looks at.</summary>
    public const int StepSize = 256;

    /// <summary>A text as a part of a pattern of the server's, in which it means itself.</summary>
    public static string Escape(string text)
    {
        var escaped = new System.Text.StringBuilder(text.Length + 8);
        foreach (var c in text)
        {
            if (c is '*' or '?' or '[' or ']' or '\\' or '^' or '-')
            {
                escaped.Append('\\');
            }

            escaped.Append(c);
        }

        return escaped.ToString();
    }

    /// <summary>
    /// The keys that fit a pattern, page by page. One that is there from the beginning to the end comes at least once; while a cluster moves slots, those on their way may
    /// be passed by.
    /// </summary>
    /// <param name="multiplexer">The connection.</param>
    /// <param name="pattern">A pattern of the server's.</param>
    /// <param name="requiresAll">Whether to fail if a master cannot be asked, rather than to go on with the others.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    public static async IAsyncEnumerable<IReadOnlyList<string>> PagesAsync(
        IConnectionMultiplexer multiplexer, string pattern, bool requiresAll, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var database = multiplexer.GetDatabase().Database;
        foreach (var master in Masters(multiplexer, requiresAll))
        {
            var page = new List<string>(StepSize);
            await foreach (var key in master.KeysAsync(database, pattern, StepSize).WithCancellation(cancellationToken).ConfigureAwait(false))
            {
                page.Add(key!);
                if (page.Count == StepSize)
                {
                    yield return page;
                    page = new List<string>(StepSize);
                    cancellationToken.ThrowIfCancellationRequested();
                }
            }

            if (page.Count != 0)
            {
                yield return page;
            }
        }
    }

    /// <summary>The masters that can be asked.</summary>
    public static List<IServer> Masters(IConnectionMultiplexer multiplexer, bool requiresAll)
    {
        var servers = multiplexer.GetServers().Where(server => server.ServerType != ServerType.Sentinel).ToArray();
        var masters = servers.Where(server => server.IsConnected && !server.IsReplica).ToList();
        if (requiresAll)
        {
            var owners = servers.FirstOrDefault(server => server is { IsConnected: true, ServerType: ServerType.Cluster })?.ClusterConfiguration?.Nodes
                .Where(node => !node.IsReplica && node.Slots.Count != 0).ToArray();
            if (masters.Count == 0 || owners?.Any(owner => !masters.Exists(master => Equals(master.EndPoint, owner.EndPoint))) is true)
            {
                throw new RedisConnectionException(ConnectionFailureType.UnableToConnect, "Not every master of the server can be reached.");
            }
        }

        return masters;
    }
}
