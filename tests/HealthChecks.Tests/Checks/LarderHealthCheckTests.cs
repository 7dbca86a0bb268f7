using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Xunit;

namespace Larder.Tests;

/// <summary>The check says what the cache experiences.</summary>
public sealed class LarderHealthCheckTests
{
    [Fact]
    public async Task In_memory_it_is_healthy()
    {
        await using var app = await HealthApp.StartAsync(services => services.AddHealthChecks().AddLarder());
        var (status, json, _) = await app.GetAsync("/health/ready");

        Assert.Equal((200, "Healthy"), (status, json.GetProperty("status").GetString()));
        Assert.Equal("memory", json.GetProperty("entries").GetProperty("larder").GetProperty("data").GetProperty("secondLevel").GetString());
    }

    [ServerTheory(ServerKind.Redis, ServerKind.Valkey)]
    [InlineData(ServerKind.Redis)]
    [InlineData(ServerKind.Valkey)]
    [InlineData(ServerKind.RedisCluster)]
    public async Task With_a_server_it_measures_the_latency(ServerKind kind)
    {
        var server = await TestServers.GetAsync(kind);
        await using var app = await HealthApp.StartAsync(services => services.AddHealthChecks().AddLarder(timeout: TimeSpan.FromSeconds(10)), server.ConnectionString);
        var (status, json, _) = await app.GetAsync("/health/ready");

        var entry = json.GetProperty("entries").GetProperty("larder");
        Assert.Equal((200, "Healthy"), (status, entry.GetProperty("status").GetString()));
        Assert.InRange(entry.GetProperty("data").GetProperty("latencyMilliseconds").GetDouble(), 0, 10_000);
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_killed_server_is_degraded_until_it_is_back()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var app = await HealthApp.StartAsync(services => services.AddHealthChecks().AddLarder(), server.ConnectionString);
        await Poll.UntilAsync(async () => await app.StatusAsync() == "Healthy", "healthy at first");

        await server.KillAsync();
        await Poll.UntilAsync(async () => await app.StatusAsync() == "Degraded", "degraded while the server is away");
        var (status, _, text) = await app.GetAsync("/health/ready");
        Assert.Equal(200, status);
        Assert.DoesNotContain("127.0.0.1", text, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", text, StringComparison.Ordinal);

        await server.RestartAsync();
        await Poll.UntilAsync(async () => await app.StatusAsync() == "Healthy", "healthy again");
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_frozen_server_is_reported_within_the_timeout_though_the_client_ignores_cancellation()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var app = await HealthApp.StartAsync(
            services => services.AddHealthChecks().AddLarder(failureStatus: HealthStatus.Unhealthy, timeout: TimeSpan.FromMilliseconds(200)), server.ConnectionString);
        await Poll.UntilAsync(async () => await app.StatusAsync() == "Healthy", "healthy at first");

        await server.SuspendAsync();
        var (status, json, _) = await app.GetAsync("/health/ready");

        // The client itself would give up after five seconds.
        Assert.Equal(503, status);
        Assert.InRange(json.GetProperty("durationMilliseconds").GetDouble(), 150, 4_000);
        var description = json.GetProperty("entries").GetProperty("larder").GetProperty("description").GetString();
        Assert.Equal("The server did not answer within 200 ms; memory still serves.", description);

        server.Resume();
        await Poll.UntilAsync(async () => await app.StatusAsync() == "Healthy", "healthy again");
    }

    [ServerFact(ServerKind.Redis)]
    public async Task Probes_open_no_connection_of_their_own()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var app = await HealthApp.StartAsync(services => services.AddHealthChecks().AddLarder(), server.ConnectionString);
        await app.Services.GetRequiredService<HybridCache>().SetAsync("key", "value");
        await Poll.UntilAsync(async () => await app.StatusAsync() == "Healthy", "healthy");
        var before = await ReceivedAsync();

        for (var i = 0; i < 200; i++)
        {
            await app.StatusAsync();
        }

        // Asking takes one connection each time.
        Assert.Equal(before + 1, await ReceivedAsync());

        async Task<long> ReceivedAsync() =>
            long.Parse((await server.InfoAsync("stats"))["total_connections_received"], System.Globalization.CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task A_second_level_that_fails_is_degraded_until_it_is_back()
    {
        var store = new FailingCache { Fails = true };
        await using var app = await HealthApp.StartAsync(services =>
        {
            services.AddSingleton<IDistributedCache>(store);
            services.AddHealthChecks().AddLarder();
        });
        var cache = app.Services.GetRequiredService<HybridCache>();
        Assert.Equal("Healthy", await app.StatusAsync());
        for (var i = 0; i < 4; i++)
        {
            await cache.GetOrCreateAsync($"key {i}", _ => ValueTask.FromResult(i));
        }

        var (status, json, _) = await app.GetAsync("/health/ready");
        var entry = json.GetProperty("entries").GetProperty("larder");
        Assert.Equal((200, "Degraded"), (status, entry.GetProperty("status").GetString()));
        Assert.Equal("Calls to the second level fail; memory still serves.", entry.GetProperty("description").GetString());
        Assert.Equal("second_level", entry.GetProperty("data").GetProperty("openBreakers").GetString());

        store.Fails = false;
        await Poll.UntilAsync(async () => await app.StatusAsync() == "Healthy", "healthy again");
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_server_that_refuses_messages_alone_is_degraded_whatever_its_own_failure_would_be()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var app = await HealthApp.StartAsync(
            services =>
            {
                services.AddLarder(options => options.BackplaneTimeout = TimeSpan.FromSeconds(1));
                services.AddHealthChecks().AddLarder(failureStatus: HealthStatus.Unhealthy, timeout: TimeSpan.FromSeconds(10));
            },
            server.ConnectionString);
        await app.Services.GetRequiredService<HybridCache>().SetAsync("key", "value");
        await Poll.UntilAsync(async () => await app.StatusAsync() == "Healthy", "healthy at first");

        await server.CommandAsync("ACL", "SETUSER", "default", "-publish");
        await Poll.UntilAsync(async () => await app.StatusAsync() == "Degraded", "degraded while messages are refused");
        var entry = (await app.GetAsync("/health/ready")).Json.GetProperty("entries").GetProperty("larder");
        Assert.Equal("backplane", entry.GetProperty("data").GetProperty("openBreakers").GetString());

        await server.CommandAsync("ACL", "SETUSER", "default", "+publish");
        await Poll.UntilAsync(async () => await app.StatusAsync() == "Healthy", "healthy again");
    }

    [Fact]
    public async Task Without_larder_it_says_what_is_missing()
    {
        await using var provider = new ServiceCollection().AddLogging().AddHealthChecks().AddLarder().Services.BuildServiceProvider();

        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => provider.GetRequiredService<HealthCheckService>().CheckHealthAsync());
        Assert.Contains("services.AddLarder()", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_timeout_must_be_positive() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new ServiceCollection().AddHealthChecks().AddLarder(timeout: TimeSpan.Zero));

    private sealed class FailingCache : IDistributedCache
    {
        public bool Fails { get; set; }

        public byte[]? Get(string key) => Fails ? throw new IOException("away") : null;

        public Task<byte[]?> GetAsync(string key, CancellationToken token = default) =>
            Fails ? Task.FromException<byte[]?>(new IOException("away")) : Task.FromResult<byte[]?>(null);

        public void Set(string key, byte[] value, DistributedCacheEntryOptions options) => Get(key);

        public Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default) => GetAsync(key, token);

        public void Refresh(string key) => Get(key);

        public Task RefreshAsync(string key, CancellationToken token = default) => GetAsync(key, token);

        public void Remove(string key) => Get(key);

        public Task RemoveAsync(string key, CancellationToken token = default) => GetAsync(key, token);
    }
}
