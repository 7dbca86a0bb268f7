using System.Globalization;
using System.Net;
using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests;

/// <summary>The sample on real Kestrel while its server goes away and comes back.</summary>
public sealed class OutageTests
{
    private const int Requests = 2_000;
    private const int Clients = 50;

    // The server dies while requests 500 to 700 run, stays away until 1,400, and comes back while the rest run.
    private const int KillAt = 500;
    private const int DeadFrom = 700;
    private const int RestartAt = 1_400;

    [ServerFact(ServerKind.Redis)]
    public async Task No_request_fails_while_the_server_is_killed_and_restarted_and_then_the_cache_is_used_again()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var host = new CatalogHost(Backend.Redis(server));
        host.UseKestrel(0);
        host.StartServer();
        using var client = host.CreateClient();

        var killed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var next = -1;
        var statuses = new HttpStatusCode[Requests];
        var hits = 0;
        var outage = Task.CompletedTask;
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(async () =>
        {
            for (var number = Interlocked.Increment(ref next); number < Requests; number = Interlocked.Increment(ref next))
            {
                if (number == KillAt)
                {
                    await server.KillAsync();
                    killed.SetResult();
                }
                else if (number >= DeadFrom)
                {
                    await killed.Task;
                }

                if (number == RestartAt)
                {
                    // Not awaited: requests go on while the server starts.
                    outage = server.RestartAsync();
                }

                using var response = await SendAsync(client, number);
                statuses[number] = response.StatusCode;
                if (response.IsHit())
                {
                    Interlocked.Increment(ref hits);
                }
            }
        })));
        await outage;

        Assert.All(statuses, status => Assert.Equal(HttpStatusCode.OK, status));
        Assert.True(hits > Requests / 10, $"{hits} of {Requests} requests were hits");
        await AssertUsedAgainAsync(server, client);
    }

    [ServerFact(ServerKind.Redis)]
    public async Task Readiness_is_degraded_and_served_with_200_while_the_server_is_away_and_recovers_by_itself()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var host = new CatalogHost(Backend.Redis(server));
        var client = host.CreateClient();
        await UntilReadinessIsAsync(client, "Healthy");

        await server.KillAsync();
        await UntilReadinessIsAsync(client, "Degraded");
        using var live = await client.GetAsync("/health/live");
        Assert.Equal("Healthy", (await live.JsonAsync()).GetProperty("status").GetString());
        using var page = await client.GetAsync("/t/acme/products/1");
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);

        await server.RestartAsync();
        await UntilReadinessIsAsync(client, "Healthy");
    }

    [ServerFact(ServerKind.Redis)]
    public async Task The_sample_starts_and_serves_while_its_server_is_not_there_yet()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await server.KillAsync();
        await using var host = new CatalogHost(Backend.Redis(server));
        var client = host.CreateClient();

        using var page = await client.GetAsync("/t/acme/products/1");
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);

        await server.RestartAsync();
        await UntilReadinessIsAsync(client, "Healthy");
        await AssertUsedAgainAsync(server, client);
    }

    // Many reads of some products, searches, and an update every so often.
    private static Task<HttpResponseMessage> SendAsync(HttpClient client, int number)
    {
        string[] tenants = ["acme", "globex", "initech", "umbrella"];
        var tenant = tenants[number % 4];
        var id = 1 + (number * 7) % 100;
        return (number % 25) switch
        {
            0 => client.WriteAsync(HttpMethod.Put, $"/t/{tenant}/products/{id}", Responses.Draft($"Change {number}", string.Create(CultureInfo.InvariantCulture, $"LOAD-{tenant.ToUpperInvariant()}-{id}"))),
            1 or 2 => client.GetAsync($"/t/{tenant}/products?q=oak&page={1 + number % 3}&size=10"),
            3 or 4 or 5 => client.GetForAsync($"/products/{id}", tenant),
            _ => client.GetAsync($"/t/{tenant}/products/{id}"),
        };
    }

    // The restarted server is empty: whatever it holds under the key was written after the outage.
    private static async Task AssertUsedAgainAsync(Server server, HttpClient client)
    {
        var id = 1_000;
        await Poll.UntilAsync(async () =>
        {
            id++;
            using var read = await client.GetAsync($"/t/acme/products/{id}");
            Assert.Equal(HttpStatusCode.OK, read.StatusCode);
            var keys = await server.CommandAsync("KEYS", $"*:v1:t.acme:p:n:product:{id}");
            return keys.Items.Count == 1;
        }, "data is stored at the server again");

        // Not at any moment: while the machine stands still the server passes for one that is away again, and a page of then is not kept.
        await Poll.UntilAsync(async () =>
        {
            id++;
            (await client.GetAsync($"/t/acme/products/{id}")).Dispose();
            using var again = await client.GetAsync($"/t/acme/products/{id}");
            return again.IsHit();
        }, "pages are served from the cache again");
    }

    private static Task UntilReadinessIsAsync(HttpClient client, string status) => Poll.UntilAsync(async () =>
    {
        using var response = await client.GetAsync("/health/ready");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var body = await response.Content.ReadAsStringAsync();
        Assert.DoesNotContain("127.0.0.1", body, StringComparison.Ordinal);
        return body.StartsWith($"{{\"status\":\"{status}\"", StringComparison.Ordinal);
    }, $"readiness is {status}");
}
