using Larder.Tests.Shared;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Xunit;

namespace Larder.Tests;

/// <summary>What the cache itself experiences: messages, values, pages.</summary>
public sealed class CacheProbeTests
{
    [ServerFact(ServerKind.Redis)]
    public async Task A_server_that_refuses_messages_alone_is_degraded_whatever_its_own_failure_would_be()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var app = await HealthApp.WatchAsync(server.ConnectionString, HealthStatus.Unhealthy);
        await app.UntilAsync(HealthStatus.Healthy);
        await app.UntilAsync((_, answer) => HealthApp.Probe(answer, "backplane").GetProperty("isHearing").GetBoolean(), "the node hears");

        await server.CommandAsync("ACL", "SETUSER", "default", "-publish");
        await app.UntilAsync(
            (_, answer) => HealthApp.Says(answer, "backplane", "Degraded") && HealthApp.Says(answer, "breakers", "Degraded") && HealthApp.Probe(answer, "breakers").GetProperty("open").GetString() == "backplane"
                && HealthApp.Says(answer, "server", "Healthy") && answer.GetProperty("status").GetString() == "Degraded",
            "messages alone are degraded");
        await app.Services.GetRequiredService<HybridCache>().SetAsync("key", "value");
        await app.UntilAsync((_, answer) => HealthApp.Probe(answer, "backplane").GetProperty("pendingInvalidations").GetInt32() > 0, "an invalidation waits");

        await server.CommandAsync("ACL", "SETUSER", "default", "+publish");
        await app.UntilAsync(HealthStatus.Healthy);
        Assert.Equal(0, (await app.ProbeAsync("backplane")).GetProperty("pendingInvalidations").GetInt32());
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_subscription_that_is_dead_while_the_server_lives_is_degraded()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var app = await HealthApp.WatchAsync($"{server.ConnectionString},protocol=resp2", timeout: TimeSpan.FromSeconds(1));
        await app.UntilAsync(HealthStatus.Healthy);

        await server.CommandAsync("ACL", "SETUSER", "default", "-subscribe");
        await server.DropClientsAsync();
        await app.UntilAsync(
            (_, answer) => HealthApp.Says(answer, "server", "Healthy") && HealthApp.Says(answer, "breakers", "Healthy") && HealthApp.Says(answer, "roundTrip", "Healthy") && HealthApp.Says(answer, "backplane", "Degraded")
                && HealthApp.Probe(answer, "backplane").GetProperty("description").GetString() == "This node does not hear the others; it compares what it holds with the server.",
            "everything but hearing works");

        await server.CommandAsync("ACL", "SETUSER", "default", "+subscribe");
        await server.DropClientsAsync();
        await app.UntilAsync(HealthStatus.Healthy);
    }

    [ServerTheory(ServerKind.Redis, ServerKind.Valkey)]
    [InlineData(ServerKind.Redis)]
    [InlineData(ServerKind.Valkey)]
    public async Task A_value_makes_the_way_to_the_server_and_back_in_a_namespace_of_its_own(ServerKind kind)
    {
        await using var server = await TestServers.StartNewAsync(kind);
        await using var app = await HealthApp.WatchAsync(server.ConnectionString);
        await app.UntilAsync(HealthStatus.Healthy);
        await app.UntilAsync((_, answer) => HealthApp.Says(answer, "roundTrip", "Healthy") && HealthApp.Probe(answer, "roundTrip").GetProperty("memory").GetBoolean(), "memory and the server give it back");

        // Its entry is the only one, and it goes by itself.
        var keys = (await server.CommandAsync("KEYS", "*probe*")).Texts;
        var key = Assert.Single(keys, text => !text!.Contains('{', StringComparison.Ordinal))!;
        Assert.Contains("larder-health", key, StringComparison.Ordinal);
        Assert.InRange((await server.CommandAsync("TTL", key)).Number, 1, 60);

        await server.CommandAsync("ACL", "SETUSER", "default", "-eval", "-evalsha", "-get");
        await app.UntilAsync(
            (_, answer) => HealthApp.Says(answer, "roundTrip", "Degraded") && answer.GetProperty("entries").GetProperty("redis").GetProperty("status").GetString() == "Healthy", "the way alone is degraded");

        await server.CommandAsync("ACL", "SETUSER", "default", "+eval", "+evalsha", "+get");
        await app.UntilAsync(HealthStatus.Healthy);
    }

    [Fact]
    public async Task A_store_of_pages_that_forgets_or_fails_is_degraded_until_it_keeps_them()
    {
        var store = new FickleStore();
        await using var app = await HealthApp.StartAsync(services =>
        {
            services.AddSingleton<IOutputCacheStore>(store);
            services.AddHealthChecks().AddLarder(configure: options => options.ResultLifetime = TimeSpan.Zero);
        });
        await app.UntilAsync("outputCache", "Healthy");

        store.Forgets = true;
        await UntilDegradedAsync("A page that is stored does not come back; pages are computed.");

        store.Forgets = false;
        store.KeepsForEver = true;
        await UntilDegradedAsync("A page that is evicted still comes back.");

        store.KeepsForEver = false;
        store.Failure = new IOException("secret path");
        await UntilDegradedAsync("The output cache's store fails; pages are computed.");
        Assert.DoesNotContain("secret", (await app.GetAsync("/health")).Text, StringComparison.Ordinal);

        store.Failure = null;
        await app.UntilAsync(HealthStatus.Healthy);

        Task UntilDegradedAsync(string description) => app.UntilAsync(
            (_, answer) => HealthApp.Says(answer, "outputCache", "Degraded") && HealthApp.Probe(answer, "outputCache").GetProperty("description").GetString() == description, description);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_store_of_pages_that_hangs_is_left_in_time_and_asked_no_more_until_it_answers(bool blocksItsCaller)
    {
        var store = new FickleStore { Hangs = new TaskCompletionSource(), Blocks = blocksItsCaller };
        await using var app = await HealthApp.StartAsync(services =>
        {
            services.AddSingleton<IOutputCacheStore>(store);
            services.AddHealthChecks().AddLarder(timeout: TimeSpan.FromMilliseconds(100), configure: options => options.ResultLifetime = TimeSpan.Zero);
        });

        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("Degraded", (await app.ProbeAsync("outputCache")).GetProperty("status").GetString());
        }

        // A check that is left in time may be so before its question is asked.
        await Poll.UntilAsync(() => store.Stored > 0, "the store is asked");
        Assert.Equal(1, store.Stored);
        store.Hangs.SetResult();
        await app.UntilAsync(HealthStatus.Healthy);
    }

    [Fact]
    public async Task The_frameworks_own_store_of_pages_passes()
    {
        await using var app = await HealthApp.StartAsync(services =>
        {
            services.AddOutputCache();
            services.AddHealthChecks().AddLarder(configure: options => options.ResultLifetime = TimeSpan.Zero);
        });

        await app.UntilAsync("outputCache", "Healthy");
    }

    private sealed class FickleStore : IOutputCacheStore
    {
        private readonly Dictionary<string, byte[]> _pages = [];

        public bool Forgets { get; set; }

        public bool KeepsForEver { get; set; }

        public Exception? Failure { get; set; }

        public TaskCompletionSource? Hangs { get; set; }

        public bool Blocks { get; set; }

        public int Stored { get; private set; }

        public ValueTask EvictByTagAsync(string tag, CancellationToken cancellationToken)
        {
            if (!KeepsForEver)
            {
                _pages.Clear();
            }

            return default;
        }

        public ValueTask<byte[]?> GetAsync(string key, CancellationToken cancellationToken) => new(_pages.GetValueOrDefault(key));

        public async ValueTask SetAsync(string key, byte[] value, string[]? tags, TimeSpan validFor, CancellationToken cancellationToken)
        {
            Stored++;
            if (Hangs is { } hangs)
            {
                if (Blocks)
                {
                    hangs.Task.Wait(CancellationToken.None);
                }

                await hangs.Task;
            }

            if (Failure is not null)
            {
                throw Failure;
            }

            if (!Forgets)
            {
                _pages[key] = value;
            }
        }
    }
}
