using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.DependencyInjection;

/// <summary>What an application is told about its cache, asked for and at its start; and which setting wins.</summary>
public sealed class LarderStatusTests
{
    [Fact]
    public async Task Memory_is_usable_and_the_start_says_so_once()
    {
        var log = new TestLog();
        await using var provider = Services(log, larder => { }).BuildServiceProvider();
        await StartAsync(provider);
        await Poll.UntilAsync(() => log.Find("The cache uses").Length != 0, "the start is reported");

        Assert.Contains("memory", Assert.Single(log.Find("The cache")), StringComparison.Ordinal);
        Assert.Empty(log.Find("The application's HybridCache is"));
        var report = await provider.GetRequiredService<ILarderStatus>().GetAsync();
        Assert.Equal(("memory", true, true, "cache"), (report.Backend, report.IsReachable, report.IsCaching, report.Settings["Prefix"]));
    }

    [Fact]
    public async Task A_cache_that_takes_the_place_of_Larders_is_named_at_the_start()
    {
        var log = new TestLog();
        var services = Services(log, larder => { });
        services.AddSingleton<HybridCache>(new ForeignHybridCache(TimeProvider.System));
        await using var provider = services.BuildServiceProvider();
        await StartAsync(provider);
        await Poll.UntilAsync(() => log.Find("The cache uses").Length != 0, "the start is reported");

        Assert.Contains(nameof(ForeignHybridCache), Assert.Single(log.Find("The application's HybridCache is")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Memory_that_was_asked_for_is_told_from_memory_for_lack_of_a_server()
    {
        await using var provider = Services(new TestLog(), larder => { }, ("CACHE_BACKEND", "Memory"), ("REDIS_URL", "redis://localhost:1")).BuildServiceProvider();

        var report = await provider.GetRequiredService<ILarderStatus>().GetAsync();
        Assert.Equal(("memory", "CACHE_BACKEND", true), (report.Backend, report.Source, report.IsReachable));
    }

    [Fact]
    public async Task An_applications_own_store_is_named()
    {
        var services = Services(new TestLog(), larder => { });
        services.AddSingleton<IDistributedCache>(new TestDistributedCache(TimeProvider.System));
        await using var provider = services.BuildServiceProvider();

        var report = await provider.GetRequiredService<ILarderStatus>().GetAsync();
        Assert.Equal(("distributed cache", nameof(TestDistributedCache), true), (report.Backend, report.Source, report.IsReachable));
    }

    [Theory]
    [InlineData(false, "memory", "no server is configured")]
    [InlineData(true, "distributed cache", nameof(TestDistributedCache))]
    public async Task What_lies_under_the_scoped_distributed_cache_is_named(bool hasOwn, string backend, string source)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        if (hasOwn)
        {
            services.AddSingleton<IDistributedCache>(new TestDistributedCache(TimeProvider.System));
        }

        services.AddLarder().AddDistributedCache();
        await using var provider = services.BuildServiceProvider();

        var report = await provider.GetRequiredService<ILarderStatus>().GetAsync();
        Assert.Equal((backend, source, true), (report.Backend, report.Source, report.IsReachable));
    }

    [ServerTheory(ServerKind.Redis)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_start_that_fails_shows_no_password_wherever_one_looks(bool isAway)
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        if (isAway)
        {
            await server.KillAsync();
        }
        else
        {
            await using var admin = await StackExchange.Redis.ConnectionMultiplexer.ConnectAsync(server.ConnectionString);
            await admin.GetDatabase().ExecuteAsync("CONFIG", "SET", "requirepass", "another");
        }

        var password = $"s3cr3t{Guid.NewGuid():N}";
        var user = $"us3r{Guid.NewGuid():N}";
        var log = new CompleteLog();
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(log));
        services.AddLarder(options =>
        {
            options.OnReadFailure = options.OnWriteFailure = options.OnInvalidationFailure = SecondLevelFailure.Throw;
            options.LogsCalls = true;
        }).UseRedis($"redis://{user}:{password}@127.0.0.1:{server.Port}?timeout=1").AddDistributedCache();
        await using var provider = services.BuildServiceProvider();
        await StartAsync(provider);
        var said = new List<string>();
        async Task HearAsync(Func<Task> call) => said.Add((await Record.ExceptionAsync(call))?.ToString() ?? "");
        var cache = provider.GetRequiredService<HybridCache>();
        for (var i = 0; i < 5; i++)
        {
            await HearAsync(async () => await cache.GetOrCreateAsync("key", _ => new ValueTask<int>(1)));
            await HearAsync(async () => await cache.SetAsync("key", 1));
            await HearAsync(async () => await cache.RemoveByTagAsync("tag"));
            await HearAsync(async () => await provider.GetRequiredService<ICacheCounters>().IncrementAsync("key"));
            await HearAsync(async () => await provider.GetRequiredService<ICacheLocks>().TryAcquireAsync("key"));
            await HearAsync(async () => await provider.GetRequiredService<IDistributedCache>().GetAsync("key"));
            await HearAsync(async () => await (await provider.GetRequiredService<ILarderConnection>().GetDatabaseAsync()).PingAsync());
        }

        var report = await provider.GetRequiredService<ILarderStatus>().GetAsync();
        said.Add(report.ToString() + string.Join(',', report.Settings));
        Assert.False(report.IsReachable);
        Assert.Contains(said, text => text.Contains(nameof(SecondLevelException), StringComparison.Ordinal));
        await Poll.UntilAsync(() => log.Lines.Any(line => line.Contains("memory until it can", StringComparison.Ordinal)), "the start is reported");
        Assert.All([.. said, .. log.Lines], text => Assert.DoesNotContain(password, text, StringComparison.Ordinal));
        Assert.All([.. said, .. log.Lines], text => Assert.DoesNotContain(user, text, StringComparison.Ordinal));
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_server_that_is_away_neither_stops_nor_delays_the_start_and_is_used_when_it_is_back()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await server.KillAsync();
        var log = new TestLog();

        // Where time stands still no timeout ends a wait, so a start that ends has not waited for the server.
        var services = Services(new TestLog(), larder => larder.UseRedis(_ => new TaskCompletionSource<IConnectionMultiplexer>().Task));
        var time = new FakeTimeProvider();
        services.AddSingleton<TimeProvider>(time);
        var never = services.BuildServiceProvider();
        try
        {
            await StartAsync(never).WaitAsync(Poll.DefaultDeadline);
        }
        finally
        {
            // To end, the cache gives its last word to the other nodes some time.
            var ending = never.DisposeAsync().AsTask();
            await Poll.UntilAsync(
                () =>
                {
                    time.Advance(TimeSpan.FromSeconds(1));
                    return ending.IsCompleted;
                },
                "the cache ends");
            await ending;
        }

        await using var provider = Services(log, larder => larder.UseRedis($"redis://:s3cr3t-{Guid.Empty}@127.0.0.1:{server.Port}/1?timeout=1")).BuildServiceProvider();
        await StartAsync(provider);
        var status = provider.GetRequiredService<ILarderStatus>();
        var away = await status.GetAsync();
        Assert.Equal(("redis", "UseRedis", false, "true", "1"), (away.Backend, away.Source, away.IsReachable, away.Settings["HasPassword"], away.Settings["Database"]));
        await Poll.UntilAsync(() => log.Find("memory until it can").Length != 0, "the start is reported");
        Assert.Equal(1, await provider.GetRequiredService<HybridCache>().GetOrCreateAsync("key", _ => new ValueTask<int>(1)));

        Assert.DoesNotContain("s3cr3t", away.ToString() + string.Join(',', away.Settings) + string.Join('\n', log.Messages), StringComparison.Ordinal);
        Assert.Single(log.Messages, message => message.Text.StartsWith("The cache", StringComparison.Ordinal));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await status.GetAsync(new CancellationToken(true)));
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_server_that_comes_back_is_found_again()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await server.KillAsync();
        await using var provider = Services(new TestLog(), larder => larder.UseValkey($"valkey://127.0.0.1:{server.Port}?timeout=1")).BuildServiceProvider();
        var status = provider.GetRequiredService<ILarderStatus>();
        Assert.False((await status.GetAsync()).IsReachable);
        await server.RestartAsync();
        await Poll.UntilAsync(async () => (await status.GetAsync()).IsReachable, "the server is found");

        Assert.Equal("valkey", (await status.GetAsync()).Backend);
    }

    [Theory]
    [InlineData("REDIS_URL")]
    [InlineData("Larder:Redis")]
    public async Task A_wrong_address_stops_the_start_with_its_setting(string setting)
    {
        var services = Services(new TestLog(), larder => { }, (setting, "redis://user:secret@h:x"));
        await using var provider = services.BuildServiceProvider();
        var thrown = Assert.Throws<FormatException>(() => provider.GetServices<IHostedService>().ToArray());

        Assert.StartsWith(setting, thrown.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", thrown.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Code_wins_over_the_section_and_that_over_the_environment_for_the_server_too()
    {
        (string, string)[] both = [("Larder:Valkey", "redis://section"), ("REDIS_URL", "redis://environment"), ("CACHE_BACKEND", "memory")];
        await using var code = Services(new TestLog(), larder => larder.UseRedis("redis://code"), both).BuildServiceProvider();
        await using var section = Services(new TestLog(), larder => { }, both).BuildServiceProvider();
        await using var environment = Services(new TestLog(), larder => { }, both[1]).BuildServiceProvider();
        await using var none = Services(new TestLog(), larder => { }, both[1], both[2]).BuildServiceProvider();

        Assert.Equal(("UseRedis", "redis"), Choice(code));
        Assert.Equal(("Larder:Valkey", "valkey"), Choice(section));
        Assert.Equal(("REDIS_URL", "redis"), Choice(environment));
        Assert.Equal((null, null), Choice(none));

        static (string?, string?) Choice(IServiceProvider provider) => (provider.GetRequiredService<LarderServer>().Choice?.Source, provider.GetRequiredService<LarderServer>().Choice?.Backend);
    }

    [Fact]
    public async Task An_expiration_of_zero_switches_caching_off_wherever_it_is_given()
    {
        await using var off = Services(new TestLog(), larder => { }, ("CACHE_TTL_DEFAULT", "0")).BuildServiceProvider();
        await using var on = Services(new TestLog(), larder => larder.AddNamespace("code", options => options.DefaultExpiration = TimeSpan.Zero), ("VARIABLE_CACHE_TTL_SECONDS", "0"), ("Larder:Namespaces:section:DefaultExpiration", "0")).BuildServiceProvider();
        Assert.False((await off.GetRequiredService<ILarderStatus>().GetAsync()).IsCaching);
        var cache = on.GetRequiredService<HybridCache>();
        await LoadsEachTimeAsync(off.GetRequiredService<HybridCache>(), true);
        await LoadsEachTimeAsync(cache, false);
        foreach (var name in new[] { "code", "variable", "section" })
        {
            await LoadsEachTimeAsync(cache.InScope(CacheScope.Shared(name)), true);
        }

        await LoadsEachTimeAsync(cache, true, new HybridCacheEntryOptions { Expiration = TimeSpan.Zero });
        var loads = 0;
        for (var i = 0; i < 2; i++)
        {
            await cache.GetOrCreateAsync("policy", (_, _) => new ValueTask<int>(++loads), new CacheEntryPolicy { Expiration = TimeSpan.Zero });
        }

        Assert.Equal(2, loads);
    }

    private static async Task LoadsEachTimeAsync(HybridCache cache, bool eachTime, HybridCacheEntryOptions? options = null)
    {
        var (loads, key) = (0, Guid.NewGuid().ToString());
        for (var i = 0; i < 3; i++)
        {
            await cache.GetOrCreateAsync(key, _ => new ValueTask<int>(++loads), options);
        }

        Assert.Equal(eachTime ? 3 : 1, loads);
    }

    private static ServiceCollection Services(TestLog log, Action<ILarderBuilder> configure, params (string, string)[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Item1, (string?)setting.Item2))).Build();
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(configuration);
        services.AddLogging(logging => logging.AddProvider(new Provider(log)));
        configure(services.AddLarder(configuration));
        return services;
    }

    private static async Task StartAsync(IServiceProvider provider)
    {
        foreach (var service in provider.GetServices<IHostedService>())
        {
            await service.StartAsync(CancellationToken.None);
        }
    }

    private sealed class Provider(TestLog log) : ILoggerProvider
    {
        public ILogger CreateLogger(string categoryName) => log;

        public void Dispose()
        {
        }
    }

    /// <summary>All that is logged at any level, with the exceptions.</summary>
    private sealed class CompleteLog : ILoggerProvider, ILogger
    {
        private readonly System.Collections.Concurrent.ConcurrentQueue<string> _lines = new();

        public IReadOnlyCollection<string> Lines => _lines;

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _lines.Enqueue(formatter(state, exception) + exception);

        public void Dispose()
        {
        }
    }
}
