using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests;

/// <summary>Requests that look for one page at the second level at once.</summary>
public sealed class LookUpTests
{
    [ServerFact(ServerKind.Redis)]
    public async Task A_client_that_leaves_does_not_stop_what_others_look_for()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var writer = await StartAsync(server);
        await using var reader = await StartAsync(server);
        var page = await writer.GetAsync("/p");

        await server.SuspendAsync();
        using var leaving = new CancellationTokenSource();
        var first = reader.GetAsync("/p", cancellationToken: leaving.Token);
        await Poll.UntilAsync(() => reader.Store.Engine.Flights.Count == 1, "the first looks");
        var second = reader.GetAsync("/p");
        await reader.UntilWaitingAsync(1);
        await leaving.CancelAsync();
        Assert.NotNull(await Record.ExceptionAsync(() => first));
        server.Resume();

        Assert.Equal((200, page.Body), await second switch { var answer => (answer.Status, answer.Body) });
    }

    private static async Task<PageApp> StartAsync(ITestServer server)
    {
        var app = await PageApp.StartAsync(
            (_, web) => web.MapGet("/p", () => $"{Guid.NewGuid()}").CacheRoute(),
            configure: larder =>
            {
                // A server that stands still must not look like one that is away.
                larder.Services.AddLarder(options => options.SecondLevelTimeout = TimeSpan.FromSeconds(60));
                larder.UseRedis(server.PatientConnectionString);
            });
        await Poll.UntilAsync(() => app.Store.Engine.IsTrusted, "the node hears its own heartbeat");
        return app;
    }
}
