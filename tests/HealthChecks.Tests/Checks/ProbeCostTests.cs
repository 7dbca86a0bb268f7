using System.Globalization;
using Larder.Tests.Shared;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Xunit;

namespace Larder.Tests;

/// <summary>What probes cost the server.</summary>
public sealed class ProbeCostTests
{
    [ServerTheory(ServerKind.Redis, ServerKind.Valkey)]
    [InlineData(ServerKind.Redis, "resp2")]
    [InlineData(ServerKind.Redis, "resp3")]
    [InlineData(ServerKind.Valkey, "resp3")]
    public async Task A_thousand_probes_leak_no_connection(ServerKind kind, string protocol)
    {
        await using var server = await TestServers.StartNewAsync(kind);
        await using var app = await HealthApp.WatchAsync($"{server.ConnectionString},protocol={protocol}");
        await app.UntilAsync(HealthStatus.Healthy);
        var clients = await ClientsAsync();
        var received = await ReceivedAsync();

        for (var i = 0; i < 1_000; i++)
        {
            await app.StatusAsync();
        }

        Assert.Equal(clients, await ClientsAsync());

        // Nor is one opened and closed: asking took two, of the test's own.
        Assert.Equal(received + 2, await ReceivedAsync());

        async Task<int> ClientsAsync() => (await server.CommandAsync("CLIENT", "LIST")).Text!.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length;

        async Task<long> ReceivedAsync() => long.Parse((await server.InfoAsync("stats"))["total_connections_received"], CultureInfo.InvariantCulture);
    }

    [ServerFact(ServerKind.Redis)]
    public async Task Many_probes_at_once_cost_one_and_the_result_serves_those_that_follow()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        var time = new FakeTimeProvider();
        await using var app = await HealthApp.StartAsync(
            services =>
            {
                services.AddSingleton<TimeProvider>(time);
                services.AddHealthChecks().AddRedis();
            },
            server.ConnectionString);
        Assert.Equal("Healthy", await app.StatusAsync());
        var first = await CountAsync();

        await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => app.StatusAsync()));
        Assert.Equal(first, await CountAsync());

        time.Advance(TimeSpan.FromMilliseconds(1_001));
        await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => app.StatusAsync()));
        Assert.Equal(first + 1, await CountAsync());

        async Task<long> CountAsync()
        {
            var line = (await server.InfoAsync("commandstats")).GetValueOrDefault("cmdstat_ping", "calls=0,");
            return long.Parse(line.Split('=', ',')[1], CultureInfo.InvariantCulture);
        }
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_caller_who_leaves_takes_nobody_elses_result_along()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var app = await HealthApp.WatchAsync(server.ConnectionString);
        await app.UntilAsync(HealthStatus.Healthy);
        var registration = app.Services.GetRequiredService<IOptions<HealthCheckServiceOptions>>().Value.Registrations.First(check => check.Name == "redis");
        var context = new HealthCheckContext { Registration = registration };
        await server.SuspendAsync();
        using var leaving = new CancellationTokenSource();

        // Not through the health service, which may see the token before the check has begun.
        var left = registration.Factory(app.Services).CheckHealthAsync(context, leaving.Token);
        var stays = registration.Factory(app.Services).CheckHealthAsync(context);
        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        server.Resume();
        Assert.NotEmpty((await stays).Data);
    }
}
