using System.Collections.Concurrent;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Larder.Tests.Diagnostics;

/// <summary>Keys may be personal data and values are: whatever goes wrong, the log shows neither from the level Information up, nor whose they are.</summary>
public sealed class LogPrivacyTests : IDisposable
{
    private const string Marker = "s3cret";

    private readonly Lines _log = new();
    private readonly SteppedClock _clock = new();
    private readonly string _prefix = $"larder-{Guid.NewGuid():N}";

    public void Dispose() => _log.Dispose();

    [Fact]
    public async Task What_fails_in_memory_shows_no_key_and_no_value()
    {
        await using var node = await StartAsync(_ => { });
        await UseAsync(node);

        Assert.Contains(_log.All, line => line.Contains("was not cached", StringComparison.Ordinal));
        Assert.Contains(_log.All, line => line.Contains("was not stored", StringComparison.Ordinal));
        Assert.Contains(_log.All, line => line.Contains("stands in", StringComparison.Ordinal));
        Assert.Contains(_log.All, line => line.Contains("in the background", StringComparison.Ordinal));
        Assert.DoesNotContain(_log.All, line => line.Contains(Marker, StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_wrong_with_stored_payloads_shows_no_key_and_no_value()
    {
        var store = new TestDistributedCache(_clock);
        await using (var writer = await StartAsync(services => services.AddSingleton<IDistributedCache>(store)))
        {
            await UseAsync(writer);
        }

        foreach (var key in store.Keys.Where(key => key.Contains("key", StringComparison.Ordinal)).ToArray())
        {
            store.Set(key, System.Text.Encoding.UTF8.GetBytes($"garbage {Marker}"), new DistributedCacheEntryOptions());
        }

        await using var node = await StartAsync(services => services.AddSingleton<IDistributedCache>(store));
        await UseAsync(node);

        Assert.Contains(_log.All, line => line.Contains("counts as a miss", StringComparison.Ordinal));
        Assert.DoesNotContain(_log.All, line => line.Contains(Marker, StringComparison.Ordinal));
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_server_that_dies_shows_no_key_and_no_value()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var node = await StartAsync(services => services.AddLarder().UseRedis(server.ConnectionString));
        await UseAsync(node);
        await server.KillAsync();

        // What was answered until now must not keep the breaker closed.
        _clock.Advance(TimeSpan.FromSeconds(30));
        await UseAsync(node);

        // What is refused ends before it is said that the breaker has opened.
        await Poll.UntilAsync(() => _log.All.Any(line => line.Contains("does not answer", StringComparison.Ordinal)), "the server's absence is logged");
        Assert.DoesNotContain(_log.All, line => line.Contains(Marker, StringComparison.Ordinal));
    }

    private async Task<CacheNode> StartAsync(Action<IServiceCollection> configure)
    {
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Information));
        services.AddSingleton<ILoggerProvider>(_log);
        services.AddSingleton<TimeProvider>(_clock);
        configure(services);
        services.AddLarder(options =>
        {
            options.Prefix = _prefix;
            options.MaximumPayloadBytes = 1_000;
            options.StaleIfError = TimeSpan.FromHours(1);
        });
        return await CacheNode.StartAsync(services);
    }

    /// <summary>One of everything that may go wrong by itself.</summary>
    private async Task UseAsync(CacheNode node)
    {
        var cache = node.Cache.InScope(new CacheScope($"tenant {Marker}", $"project {Marker}", $"namespace {Marker}"));
        string[] tags = [$"tag {Marker}"];
        for (var i = 0; i < 5; i++)
        {
            await cache.GetOrCreateAsync($"key {Marker} {i}", _ => new ValueTask<string>($"value {Marker}"), tags: tags);
            await cache.GetOrCreateAsync($"key {Marker} {i}", _ => new ValueTask<string>($"value {Marker}"), tags: tags);
        }

        await cache.GetOrCreateAsync($"key {Marker} {new string('x', 2_000)}", _ => new ValueTask<string>("value"));
        await cache.SetAsync($"large {Marker}", string.Concat(Enumerable.Repeat(Marker, 1_000)));
        await cache.SetAsync($"cycle {Marker}", new Cycle { Name = Marker });

        // Served stale while its load fails in the background, then in the place of a load that fails, unless nobody can say whether it may be.
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromSeconds(10), StaleWhileRevalidate = TimeSpan.FromSeconds(10) };
        await cache.GetOrCreateAsync($"old {Marker}", (_, _) => new ValueTask<string>($"value {Marker}"), policy);
        _clock.Advance(TimeSpan.FromSeconds(11));
        await LoadInVainAsync();
        await Poll.UntilAsync(() => node.Engine!.RefreshCount == 0, "the load in the background has ended");
        _clock.Advance(TimeSpan.FromSeconds(30));
        await LoadInVainAsync();
        await cache.RemoveByTagAsync(tags[0]);
        await cache.RemoveAsync($"key {Marker} 0");
        await node.Services.GetRequiredService<ICacheAdmin>().ClearTenantAsync($"tenant {Marker}");

        async Task LoadInVainAsync()
        {
            try
            {
                await cache.GetOrCreateAsync($"old {Marker}", (context, _) => Refuse(context), policy);
            }
            catch (CacheLoadException)
            {
            }
        }
    }

    private static ValueTask<string> Refuse(CacheEntryContext context)
    {
        context.Fail("refused");
        return new ValueTask<string>("nothing");
    }

    private sealed class Cycle
    {
        public string? Name { get; set; }

        public Cycle Self => this;
    }

    private sealed class Lines : ILoggerProvider, ILogger
    {
        private readonly ConcurrentQueue<string> _all = new();

        public IReadOnlyCollection<string> All => _all;

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        // With the exception, and all that the message was handed.
        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _all.Enqueue($"{formatter(state, exception)} {exception} {string.Join(' ', state as IEnumerable<KeyValuePair<string, object?>> ?? [])}");

        public void Dispose()
        {
        }
    }
}
