using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Larder.Tests.Diagnostics;

/// <summary>A line for each call, for those who follow what the cache does.</summary>
public sealed class CallLogTests
{
    private readonly Lines _lines = new();
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task Each_call_is_a_line()
    {
        await using var provider = Build("1");
        var cache = provider.GetRequiredService<HybridCache>().InScope(new CacheScope("acme"));
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromSeconds(300), EarlyRefreshThreshold = 0.5 };
        await cache.GetOrCreateAsync("user:7", (_, _) => new ValueTask<string>("secret"), policy, ["users"]);
        _time.Advance(TimeSpan.FromSeconds(1));
        await cache.GetOrCreateAsync("user:7", (_, _) => new ValueTask<string>("secret"), policy);
        _time.Advance(TimeSpan.FromSeconds(200));
        await cache.GetOrCreateAsync("user:7", (_, _) => new ValueTask<string>("secret"), policy);
        await Poll.UntilAsync(() => _lines.All.Any(line => line.StartsWith("[WARM]", StringComparison.Ordinal)), "the value is loaded in the background");
        await cache.RemoveByTagAsync("users");
        await Assert.ThrowsAsync<IOException>(async () => await cache.GetOrCreateAsync("user:8", (_, _) => ValueTask.FromException<string>(new IOException("down")), policy));

        Assert.Equal(
        [
            "[MISS] key=t.acme:p:n:user:7 duration_ms=0.0 ttl=300 cause=absent",
            "[HIT] key=t.acme:p:n:user:7 level=memory ttl=299",
            "[HIT] key=t.acme:p:n:user:7 level=memory ttl=99",
            "[WARM] key=t.acme:p:n:user:7 duration_ms=0.0 ttl=300",
            "[INVALIDATE] tag=t.acme:p:n:users by=this node",
            "[MISS] key=t.acme:p:n:user:8 duration_ms=0.0 failed cause=absent",
        ], _lines.All);
    }

    [Fact]
    public async Task No_key_begins_a_line_of_its_own_and_no_value_is_shown()
    {
        await using var provider = Build("1");
        var cache = provider.GetRequiredService<HybridCache>().InScope(new CacheScope("a\n[HIT]"));
        await cache.GetOrCreateAsync("k\r\n[HIT] key=t.globex", _ => new ValueTask<string>("secret"), tags: ["t\n[HIT]"]);
        await cache.RemoveByTagAsync("t\n[HIT]");

        Assert.Equal(2, _lines.All.Count);
        Assert.DoesNotContain(_lines.All, line => line.Any(char.IsControl) || line.Contains("secret", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("0")]
    public async Task Nobody_is_told_who_has_not_asked(string? setting)
    {
        await using var provider = Build(setting, logging => logging.SetMinimumLevel(LogLevel.Trace));
        var cache = provider.GetRequiredService<HybridCache>();
        await cache.GetOrCreateAsync("key", _ => new ValueTask<string>("value"));
        await cache.GetOrCreateAsync("key", _ => new ValueTask<string>("value"));
        await cache.RemoveAsync("key");

        Assert.Empty(_lines.All);
    }

    private ServiceProvider Build(string? setting, Action<ILoggingBuilder>? configure = null)
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection([KeyValuePair.Create("CACHE_DEBUG", setting)]).Build());
        services.AddSingleton<TimeProvider>(_time);
        services.AddLogging(logging =>
        {
            logging.AddProvider(_lines);
            configure?.Invoke(logging);
        });
        return services.AddLarder().Services.BuildServiceProvider();
    }

    private sealed class Lines : ILoggerProvider, ILogger
    {
        private readonly List<string> _all = [];

        public IReadOnlyList<string> All
        {
            get
            {
                lock (_all)
                {
                    return [.. _all];
                }
            }
        }

        public ILogger CreateLogger(string categoryName) => categoryName == "Larder.Calls" ? this : Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (_all)
            {
                _all.Add(formatter(state, exception));
            }
        }

        public void Dispose()
        {
        }
    }
}
