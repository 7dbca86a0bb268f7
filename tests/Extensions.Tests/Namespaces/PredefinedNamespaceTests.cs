using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Namespaces;

public sealed class PredefinedNamespaceTests
{
    [Fact]
    public async Task They_live_as_long_as_their_purpose_asks()
    {
        await using var services = new ServiceCollection().AddSingleton<TimeProvider>(new SteppedClock()).AddLarder().AddPredefinedNamespaces().Services.BuildServiceProvider();
        foreach (var (name, seconds) in new[] { ("confirmation", 300), ("signup", 1_800), ("session", 86_400), ("rate_limit", 3_600), ("temp", 60) })
        {
            Assert.Equal(TimeSpan.FromSeconds(seconds), await LifeAsync(services, name));
        }
    }

    [Fact]
    public async Task What_the_application_says_wins_wherever_it_says_it()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(
        [
            new("Larder:Namespaces:signup:DefaultExpiration", "00:00:11"),
            new("RATE_LIMIT_CACHE_TTL_SECONDS", "12"),
        ]).Build();
        await using var services = new ServiceCollection()
            .AddSingleton<IConfiguration>(configuration)
            .AddSingleton<TimeProvider>(new SteppedClock())
            .AddLarder(configuration).AddPredefinedNamespaces().AddNamespace("temp", options => options.DefaultExpiration = TimeSpan.FromSeconds(13))
            .Services.BuildServiceProvider();

        Assert.Equal(TimeSpan.FromSeconds(11), await LifeAsync(services, "signup"));
        Assert.Equal(TimeSpan.FromSeconds(12), await LifeAsync(services, "rate_limit"));
        Assert.Equal(TimeSpan.FromSeconds(13), await LifeAsync(services, "temp"));
        Assert.Equal(TimeSpan.FromSeconds(300), await LifeAsync(services, "confirmation"));
    }

    [Fact]
    public async Task The_same_name_is_the_same_area_however_it_is_asked_for()
    {
        await using var services = new ServiceCollection().AddLarder().Services.BuildServiceProvider();
        var injected = ActivatorUtilities.CreateInstance<Consumer>(services).Actions;
        await injected.SetAsync("key", "value");

        Assert.Equal("confirmation", injected.Name);
        Assert.Equal("value", await services.GetRequiredService<ICacheNamespaces>().Get("confirmation").GetAsync<string>("key"));
    }

    private static async Task<TimeSpan> LifeAsync(IServiceProvider services, string name)
    {
        var cache = services.GetRequiredKeyedService<CacheNamespace>(name);
        await cache.SetAsync("key", 1);
        var entry = await cache.GetEntryAsync("key");
        return entry!.Expires - entry.Created;
    }

    private sealed class Consumer([FromKeyedServices("confirmation")] CacheNamespace actions)
    {
        public CacheNamespace Actions { get; } = actions;
    }
}
