using System.Collections.Concurrent;
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

    [Fact]
    public async Task A_second_level_that_fails_is_degraded_until_it_is_back()
    {
        var store = new FailingCache { Fails = true };
        await using var app = await HealthApp.StartAsync(services =>
        {
            services.AddSingleton<IDistributedCache>(store);
            services.AddHealthChecks().AddLarder(configure: options => options.ResultLifetime = TimeSpan.Zero);
        });
        var cache = app.Services.GetRequiredService<HybridCache>();
        for (var i = 0; i < 4; i++)
        {
            await cache.GetOrCreateAsync($"key {i}", _ => ValueTask.FromResult(i));
        }

        var (status, json, _) = await app.GetAsync("/health/ready");
        var entry = json.GetProperty("entries").GetProperty("larder");
        Assert.Equal((200, "Degraded"), (status, entry.GetProperty("status").GetString()));
        Assert.StartsWith("Calls to the second level fail; memory still serves.", entry.GetProperty("description").GetString(), StringComparison.Ordinal);
        Assert.Equal("second_level", entry.GetProperty("data").GetProperty("breakers").GetProperty("open").GetString());
        Assert.Equal("cache", entry.GetProperty("data").GetProperty("secondLevel").GetString());

        store.Fails = false;
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
    public void A_timeout_must_be_positive_and_one_that_a_timer_takes()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new ServiceCollection().AddHealthChecks().AddLarder(timeout: TimeSpan.Zero));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ServiceCollection().AddHealthChecks().AddLarder(timeout: TimeSpan.MaxValue));
    }

    public static TheoryData<string, Action<LarderHealthOptions>> WrongOptions => new()
    {
        { "DegradedLatency is 00:00:00.", static options => options.DegradedLatency = TimeSpan.Zero },
        { "UnhealthyLatency is -00:00:01.", static options => options.UnhealthyLatency = TimeSpan.FromSeconds(-1) },
        { "UnhealthyLatency is 00:00:00.0500000. It must not be less than DegradedLatency, 00:00:00.1000000.", static options => options.UnhealthyLatency = TimeSpan.FromMilliseconds(50) },
        { "ResultLifetime is 00:01:00.0000001.", static options => options.ResultLifetime = TimeSpan.FromMinutes(1) + TimeSpan.FromTicks(1) },
        { "ResultLifetime is -00:00:01.", static options => options.ResultLifetime = TimeSpan.FromSeconds(-1) },
        { "MaximumReplicationLag is 00:00:00.", static options => options.MaximumReplicationLag = TimeSpan.Zero },
        { "ExpectedReplicas is -1.", static options => options.ExpectedReplicas = -1 },
        { "MemoryThreshold is 0.", static options => options.MemoryThreshold = 0 },
        { "MemoryThreshold is 1.5.", static options => options.MemoryThreshold = 1.5 },
        { "MemoryThreshold is NaN.", static options => options.MemoryThreshold = double.NaN },
    };

    [Theory]
    [MemberData(nameof(WrongOptions))]
    public void An_option_out_of_its_range_is_refused_with_its_value(string message, Action<LarderHealthOptions> configure)
    {
        var checks = new ServiceCollection().AddHealthChecks();

        foreach (var add in (Func<IHealthChecksBuilder>[])[() => checks.AddLarder(configure: configure), () => checks.AddRedis(configure: configure), () => checks.AddValkey(configure: configure)])
        {
            Assert.StartsWith($"LarderHealthOptions.{message}", Assert.Throws<ArgumentOutOfRangeException>(add).Message, StringComparison.Ordinal);
        }
    }

    private sealed class FailingCache : IDistributedCache
    {
        private readonly ConcurrentDictionary<string, byte[]> _values = new();

        public bool Fails { get; set; }

        public byte[]? Get(string key) => Fails ? throw new IOException("away") : _values.GetValueOrDefault(key);

        public async Task<byte[]?> GetAsync(string key, CancellationToken token = default)
        {
            await Task.Yield();
            return Get(key);
        }

        public void Set(string key, byte[] value, DistributedCacheEntryOptions options)
        {
            Get(key);
            _values[key] = value;
        }

        public async Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default)
        {
            await GetAsync(key, token);
            _values[key] = value;
        }

        public void Refresh(string key) => Get(key);

        public Task RefreshAsync(string key, CancellationToken token = default) => GetAsync(key, token);

        public void Remove(string key)
        {
            Get(key);
            _values.TryRemove(key, out _);
        }

        public async Task RemoveAsync(string key, CancellationToken token = default)
        {
            await GetAsync(key, token);
            _values.TryRemove(key, out _);
        }
    }
}
