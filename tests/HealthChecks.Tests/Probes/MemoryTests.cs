using Larder.Tests.Shared;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Xunit;

namespace Larder.Tests;

/// <summary>A server that is full refuses or evicts; which of them is its policy's.</summary>
public sealed class MemoryTests
{
    [ServerTheory(ServerKind.Redis, ServerKind.Valkey)]
    [InlineData(ServerKind.Redis)]
    [InlineData(ServerKind.Valkey)]
    public async Task A_full_server_that_refuses_writes_is_degraded_until_there_is_room(ServerKind kind)
    {
        await using var server = await TestServers.StartNewAsync(kind);
        await using var app = await HealthApp.WatchAsync(server.ConnectionString);
        await app.UntilAsync(HealthStatus.Healthy);

        await server.LimitMemoryAsync(1);
        var said = await app.UntilAsync("memory", "Degraded");
        Assert.Contains("refuses writes", said.GetProperty("description").GetString(), StringComparison.Ordinal);
        await app.UntilAsync("roundTrip", "Degraded");

        await server.LimitMemoryAsync(0);
        await app.UntilAsync(HealthStatus.Healthy);
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_policy_that_may_evict_what_must_stay_is_warned_of_and_degraded_once_it_does()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var app = await HealthApp.WatchAsync(server.ConnectionString);
        await using var content = await HealthApp.WatchAsync(server.ConnectionString, configure: options => options.AcceptsEviction = true);
        await app.UntilAsync(HealthStatus.Healthy);
        await server.LimitMemoryAsync(100_000_000, "allkeys-lru");

        var roomy = await app.UntilAsync("memory", "Healthy");
        Assert.StartsWith("allkeys-lru can evict what must stay", roomy.GetProperty("warning").GetString(), StringComparison.Ordinal);
        Assert.False((await content.UntilAsync("memory", "Healthy")).TryGetProperty("warning", out _));

        // A probe that finds keys evicted since the one before, whether or not there is room again by now.
        await server.CommandAsync("SET", "victim", new string('x', 1_000_000));
        var before = await app.ProbeAsync("memory");
        await server.LimitMemoryAsync(before.GetProperty("usedBytes").GetInt64() - 500_000, "allkeys-lru");
        await server.CommandAsync("SET", "another", "x");
        await server.LimitMemoryAsync(100_000_000, "allkeys-lru");
        var said = await app.ProbeAsync("memory");
        Assert.Equal("Degraded", said.GetProperty("status").GetString());
        Assert.InRange(said.GetProperty("evictedSinceLastProbe").GetInt64(), 1, 1_000);
        Assert.Equal("Healthy", (await content.ProbeAsync("memory")).GetProperty("status").GetString());

        Assert.Equal(0, (await app.UntilAsync("memory", "Healthy")).GetProperty("evictedSinceLastProbe").GetInt64());
    }
}
