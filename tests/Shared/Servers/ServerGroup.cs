using System.Globalization;
using System.Net.Sockets;

namespace Larder.Tests.Shared;

/// <summary>Servers that start and end together.</summary>
internal static class ServerGroup
{
    /// <summary>Starts all at once; if one fails, ends the others and throws its error.</summary>
    internal static async Task<TServer[]> StartAsync<TServer>(int count, Func<int, Task<TServer>> start)
        where TServer : IAsyncDisposable
    {
        var starts = Enumerable.Range(0, count).Select(start).ToArray();
        try
        {
            return await Task.WhenAll(starts);
        }
        catch
        {
            await EndAsync(starts.Where(task => task.IsCompletedSuccessfully).Select(task => task.Result));
            throw;
        }
    }

    /// <summary>Ends all at once.</summary>
    internal static async ValueTask EndAsync<TServer>(IEnumerable<TServer> servers)
        where TServer : IAsyncDisposable =>
        await Task.WhenAll(servers.Select(server => server.DisposeAsync().AsTask()));

    /// <summary>Waits until a condition holds for every server, a group's usual way to say that it has settled.</summary>
    /// <remarks>While it settles, servers load data and drop their clients: an error is a "not yet".</remarks>
    internal static Task SettledAsync<TServer>(
        Func<IEnumerable<TServer>> servers, Func<TServer, Task<bool>> condition, string what, CancellationToken cancellationToken) =>
        Poll.UntilAsync(
            async () => (await Task.WhenAll(servers().Select(server => HoldsAsync(server, condition)))).All(met => met),
            what,
            TimeSpan.FromSeconds(60),
            cancellationToken);

    /// <summary>Whether a replica has everything that its master had when asked, so that the master may go.</summary>
    internal static async Task<bool> IsInStepAsync(Server master, Server replica, CancellationToken cancellationToken)
    {
        var offset = Offset(await master.InfoAsync("replication", cancellationToken), "master_repl_offset");
        var info = await replica.InfoAsync("replication", cancellationToken);
        return info.GetValueOrDefault("master_link_status") == "up" && Offset(info, "slave_repl_offset") >= offset;
    }

    private static long Offset(IReadOnlyDictionary<string, string> info, string field) =>
        long.Parse(info.GetValueOrDefault(field, "-1"), CultureInfo.InvariantCulture);

    private static async Task<bool> HoldsAsync<TServer>(TServer server, Func<TServer, Task<bool>> condition)
    {
        try
        {
            return await condition(server);
        }
        catch (Exception exception) when (exception is IOException or SocketException or RespException)
        {
            return false;
        }
    }
}
