using Larder.Tests.Shared;
using Xunit;
using Xunit.Abstractions;

namespace Larder.Tests;

/// <summary>Two processes of the sample on one server that dies while clients read and change, and comes back.</summary>
public sealed class TwoProcessTests(ITestOutputHelper output)
{
    private const int Requests = 1_000;

    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(5);

    /// <summary>
    /// For a request, on top of what the machine makes it wait: it asks for a page and for data, and each may meet several silences of the server, of half a second each.
    /// </summary>
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(4);

    private static readonly TimeSpan BackplaneTimeout = TimeSpan.FromSeconds(1);

    [ServerTheory(ServerKind.Redis, ServerKind.Valkey)]
    [InlineData(ServerKind.Redis)]
    [InlineData(ServerKind.Valkey)]
    public async Task No_request_fails_or_waits_long_and_no_acknowledged_change_is_lost_when_the_server_is_dead_for_five_seconds(ServerKind kind)
    {
        var folder = Directory.CreateTempSubdirectory("larder-webapp-").FullName;

        // It comes back with the pages and the data that it had before changes were made without it.
        await using var server = await TestServers.StartNewAsync(kind, new ServerOptions { Persistent = true });
        var settings = kind == ServerKind.Redis ? Backend.Redis(server) : Backend.Valkey(server);
        settings["Larder:BackplaneTimeout"] = BackplaneTimeout.ToString();
        await using var first = await CatalogProcess.StartAsync(folder, settings);
        await using var second = await CatalogProcess.StartAsync(folder, settings);
        await UntilReadyAsync(first);
        await UntilReadyAsync(second);

        // Without a server, a process serves what is as old as the time-out of the backplane at most; and a page is made of data that may be as old when it is made.
        var load = new CatalogLoad([first.Client, second.Client], BackplaneTimeout * 2 + Bound);
        load.Start();
        await load.MoreAsync(Requests);
        await server.KillAsync();
        var (hits, changes) = (load.Hits, load.ChangesMade);
        await Task.WhenAll(Task.Delay(Outage), load.MoreAsync(Requests));
        (hits, changes) = (load.Hits - hits, load.ChangesMade - changes);
        await load.RecoverAsync(async () =>
        {
            await server.RestartAsync();
            await UntilReadyAsync(first);
            await UntilReadyAsync(second);
        });
        await load.MoreAsync(Requests);
        await load.StopAsync();

        output.WriteLine($"{load.Answers} requests, {load.Hits} hits, {load.ChangesMade} changes; while the server was dead {hits} hits and {changes} changes. Slowest {load.Slowest.TotalMilliseconds:0} ms, of others {load.SlowestProbe.TotalMilliseconds:0} ms.");
        Assert.Empty(load.Failures);
        Assert.Empty(load.Stale);
        Assert.True(load.Slowest < Bound + load.SlowestProbe, $"A request took {load.Slowest}, and the slowest of those that ask no cache {load.SlowestProbe}.");
        Assert.True(hits > Requests / 10, $"{hits} pages came from memory while the server was dead");
        Assert.True(changes > 0);

        // Long before pages end by themselves.
        await Poll.UntilAsync(load.IsCurrentAsync, "both processes show every change that was acknowledged", TimeSpan.FromSeconds(40));
        Directory.Delete(folder, recursive: true);
    }

    private static Task UntilReadyAsync(CatalogProcess process) => Poll.UntilAsync(async () =>
    {
        using var response = await process.Client.GetAsync("/health/ready");
        return (await response.Content.ReadAsStringAsync()).StartsWith("{\"status\":\"Healthy\"", StringComparison.Ordinal);
    }, "the process hears its server, and has told it what it knows", TimeSpan.FromMinutes(1));
}
