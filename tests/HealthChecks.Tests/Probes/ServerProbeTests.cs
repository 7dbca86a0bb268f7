using Larder.Tests.Shared;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests;

/// <summary>What the checks say of a server in each of its states, and that they take it back without a restart.</summary>
public sealed class ServerProbeTests
{
    [ServerTheory(ServerKind.Redis, ServerKind.Valkey)]
    [InlineData(ServerKind.Redis, "resp2")]
    [InlineData(ServerKind.Redis, "resp3")]
    [InlineData(ServerKind.Valkey, "resp2")]
    [InlineData(ServerKind.Valkey, "resp3")]
    [InlineData(ServerKind.RedisCluster, "resp2")]
    [InlineData(ServerKind.RedisCluster, "resp3")]
    [InlineData(ServerKind.ValkeyCluster, "resp3")]
    [InlineData(ServerKind.Sentinel, "resp2")]
    [InlineData(ServerKind.Sentinel, "resp3")]
    public async Task A_healthy_server_is_healthy_in_every_respect(ServerKind kind, string protocol)
    {
        var server = await TestServers.GetAsync(kind);
        await using var app = await HealthApp.WatchAsync($"{server.ConnectionString},protocol={protocol}");
        var answer = await app.UntilAsync((_, answer) => answer.GetProperty("status").GetString() == "Healthy", "the checks say Healthy");

        var data = answer.GetProperty("entries").GetProperty("larder").GetProperty("data");
        var probes = data.EnumerateObject().Where(probe => probe.Value.ValueKind == System.Text.Json.JsonValueKind.Object).ToArray();
        Assert.All(probes, probe => Assert.Equal("Healthy", probe.Value.GetProperty("status").GetString()));
        var expected = new List<string> { "server", "replication", "memory", "breakers", "backplane", "roundTrip" };
        expected.AddRange(kind is ServerKind.RedisCluster or ServerKind.ValkeyCluster ? ["cluster"] : kind == ServerKind.Sentinel ? ["sentinel"] : []);
        Assert.Equal(expected.Order(), probes.Select(probe => probe.Name).Order());
        Assert.InRange(data.GetProperty("server").GetProperty("latencyMilliseconds").GetDouble(), 0.001, 5_000);
        Assert.Equal("master", data.GetProperty("replication").GetProperty("role").GetString());
        Assert.True(data.GetProperty("memory").GetProperty("usedBytes").GetInt64() > 100_000);
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_slow_server_is_degraded_and_beyond_its_bound_unhealthy()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var proxy = ChaosProxy.Start(server);
        await using var app = await HealthApp.WatchAsync(proxy.EndPoint, HealthStatus.Unhealthy, configure: options =>
        {
            options.DegradedLatency = TimeSpan.FromMilliseconds(300);
            options.UnhealthyLatency = TimeSpan.FromMilliseconds(900);
        });
        await app.UntilAsync("server", "Healthy");

        proxy.DelayToClient = TimeSpan.FromMilliseconds(350);
        await app.UntilAsync(
            (_, answer) => HealthApp.Says(answer, "server", "Degraded") && answer.GetProperty("entries").GetProperty("redis").GetProperty("status").GetString() == "Degraded", "both checks are degraded");

        proxy.DelayToClient = TimeSpan.FromMilliseconds(1_000);
        await app.UntilAsync(
            (status, answer) => status == 503 && HealthApp.Says(answer, "server", "Unhealthy") && HealthApp.Probe(answer, "server").GetProperty("latencyMilliseconds").GetDouble() is >= 900 and <= 5_000, "it is unhealthy");

        proxy.DelayToClient = TimeSpan.Zero;
        await app.UntilAsync(HealthStatus.Healthy);
    }

    [ServerTheory(ServerKind.Redis, ServerKind.Valkey)]
    [InlineData(ServerKind.Redis)]
    [InlineData(ServerKind.Valkey)]
    public async Task A_killed_server_is_degraded_until_it_is_back(ServerKind kind)
    {
        await using var server = await TestServers.StartNewAsync(kind);
        await using var app = await HealthApp.WatchAsync(server.ConnectionString);
        await app.UntilAsync(HealthStatus.Healthy);

        await server.KillAsync();
        await app.UntilAsync("server", "Unhealthy");
        var (status, json, text) = await app.GetAsync("/health/ready");
        Assert.Equal((200, "Degraded"), (status, json.GetProperty("status").GetString()));
        Assert.DoesNotContain("127.0.0.1", text, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", text, StringComparison.Ordinal);
        Assert.DoesNotContain("\"error\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("\"endpoints\"", text, StringComparison.Ordinal);

        await server.RestartAsync();
        await app.UntilAsync(HealthStatus.Healthy);
    }

    [ServerTheory(ServerKind.Redis, ServerKind.Valkey)]
    [InlineData(ServerKind.Redis)]
    [InlineData(ServerKind.Valkey)]
    public async Task A_frozen_server_is_reported_in_time_though_the_client_ignores_cancellation(ServerKind kind)
    {
        await using var server = await TestServers.StartNewAsync(kind);
        await using var app = await HealthApp.StartAsync(
            services => services.AddHealthChecks().AddLarder(failureStatus: HealthStatus.Unhealthy, configure: options => options.ResultLifetime = TimeSpan.Zero), server.ConnectionString);
        await app.UntilAsync(HealthStatus.Healthy);

        await server.SuspendAsync();
        var durations = new List<double>();
        for (var i = 0; i < 5; i++)
        {
            var (status, json, _) = await app.GetAsync("/health/ready");
            Assert.Equal(503, status);
            Assert.StartsWith(
                "The server did not answer within 500 ms; memory still serves.",
                json.GetProperty("entries").GetProperty("larder").GetProperty("description").GetString(),
                StringComparison.Ordinal);
            durations.Add(json.GetProperty("durationMilliseconds").GetDouble());
        }

        // The client itself would give up after five seconds. The least: a machine that is busy with other tests only adds.
        Assert.InRange(durations.Min(), 400, 2_000);

        server.Resume();
        await app.UntilAsync(HealthStatus.Healthy);
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_wrong_password_is_told_apart_from_a_server_that_is_away()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis, new ServerOptions { Password = "right" });
        await using var app = await RefusedAsync($"{server.EndPoint},password=mistaken");
        Assert.DoesNotContain("mistaken", (await app.GetAsync("/health")).Text, StringComparison.Ordinal);

        await server.SetPasswordAsync("mistaken");
        await app.UntilAsync(HealthStatus.Healthy);
    }

    [ServerTheory(ServerKind.Redis, ServerKind.Valkey)]
    [InlineData(ServerKind.Redis, "resp2")]
    [InlineData(ServerKind.Valkey, "resp3")]
    public async Task What_the_server_refuses_to_tell_is_unknown_and_does_not_count(ServerKind kind, string protocol)
    {
        await using var server = await TestServers.StartNewAsync(kind);
        await server.CommandAsync("ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all", "-@admin", "-@dangerous", "-info", "-cluster", "-ping");
        await using var app = await HealthApp.WatchAsync($"{server.EndPoint},user=app,password=secret,protocol={protocol}");
        await app.UntilAsync(
            (_, answer) => answer.GetProperty("status").GetString() == "Healthy" && HealthApp.Says(answer, "replication", "Unknown") && HealthApp.Says(answer, "memory", "Unknown") && HealthApp.Says(answer, "server", "Healthy"),
            "what is not told does not count");

        await server.CommandAsync("ACL", "SETUSER", "app", "+info");
        await app.UntilAsync("memory", "Healthy");
    }

    [ServerFact(ServerKind.Redis)]
    public async Task Addresses_and_the_clients_errors_are_shown_to_whom_asks_for_them()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis, new ServerOptions { Password = "s3cret" });
        await using var app = await HealthApp.WatchAsync(server.ConnectionString, configure: options => options.ShowDetails = true);
        await app.UntilAsync(HealthStatus.Healthy);
        Assert.Equal(server.EndPoint, (await app.ProbeAsync("server")).GetProperty("endpoints").GetString());

        await server.KillAsync();
        var said = await app.UntilAsync("server", "Unhealthy");
        Assert.NotEmpty(said.GetProperty("error").GetString()!);
        Assert.DoesNotContain("s3cret", (await app.GetAsync("/health")).Text, StringComparison.Ordinal);
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_server_that_was_away_at_the_start_is_found_when_it_comes()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await server.KillAsync();
        await using var app = await HealthApp.WatchAsync($"{server.ConnectionString},connectTimeout=500");
        await app.UntilAsync("server", "Unhealthy");

        await server.RestartAsync();
        await app.UntilAsync(HealthStatus.Healthy);
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_connection_of_the_applications_that_is_not_made_costs_the_timeout_and_no_more()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        var made = new TaskCompletionSource<IConnectionMultiplexer>();
        var asked = 0;
        await using var app = await HealthApp.StartAsync(services =>
        {
            services.AddLarder().UseRedis(_ =>
            {
                Interlocked.Increment(ref asked);
                return made.Task;
            });
            services.AddHealthChecks().AddRedis(timeout: TimeSpan.FromMilliseconds(100), configure: options => options.ResultLifetime = TimeSpan.Zero);
        });

        for (var i = 0; i < 3; i++)
        {
            var entry = await app.EntryAsync("redis");
            Assert.Equal("The server did not answer within 100 ms; memory still serves.", entry.GetProperty("description").GetString());
        }

        Assert.Equal(1, asked);
        made.SetResult(await ConnectionMultiplexer.ConnectAsync(server.ConnectionString));
        await app.UntilAsync(HealthStatus.Healthy);
        await (await made.Task).DisposeAsync();
    }

    [Fact]
    public async Task Without_a_server_a_check_of_the_server_says_so()
    {
        await using var app = await HealthApp.StartAsync(services => services.AddHealthChecks().AddRedis().AddValkey(failureStatus: HealthStatus.Unhealthy));
        var (status, json, _) = await app.GetAsync("/health/ready");

        Assert.Equal(503, status);
        Assert.Equal("Degraded", json.GetProperty("entries").GetProperty("redis").GetProperty("status").GetString());
        Assert.Equal("No server is configured.", json.GetProperty("entries").GetProperty("valkey").GetProperty("description").GetString());
    }

    // The client keeps the first reason why it has no connection and no later one. On a machine that is busy it may have given up its first attempt before the server refused it.
    private static async Task<HealthApp> RefusedAsync(string server)
    {
        HealthApp? refused = null;
        var said = "nothing";
        await Poll.UntilAsync(
            async () =>
            {
                var app = await HealthApp.WatchAsync(server);
                await Poll.UntilAsync(
                    async () => (said = (await app.ProbeAsync("server", "redis")).GetProperty("description").GetString()) is not null && !said.Contains("did not answer", StringComparison.Ordinal),
                    "the first connection was tried");
                if (said == "The server refuses the credentials; memory still serves.")
                {
                    refused = app;
                    return true;
                }

                Assert.Equal("The server cannot be reached; memory still serves.", said);
                await app.DisposeAsync();
                return false;
            },
            "the credentials are named as the cause",
            TimeSpan.FromMinutes(2));
        return refused!;
    }
}
