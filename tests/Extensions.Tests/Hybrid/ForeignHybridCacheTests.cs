using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Larder.Tests.Scopes;
using Xunit;

namespace Larder.Tests.Hybrid;

/// <summary>What is particular about wrapping a cache that the application registered.</summary>
public sealed class ForeignHybridCacheTests
{
    private readonly ForeignHybridCache _foreign = new(TimeProvider.System);

    [Fact]
    public async Task What_is_cached_is_kept_by_the_wrapped_cache()
    {
        await using var node = await StartAsync(services => services.AddSingleton<HybridCache>(_foreign));
        await node.Cache.InScope(new CacheScope("acme")).SetAsync("key", "value");

        Assert.Contains("cache:v1:t.acme:p:n:key", _foreign.Keys);
        Assert.Equal(0, node.Engine!.Memory.Count);
    }

    [Fact]
    public async Task An_entry_copied_under_another_tenants_key_inside_the_wrapped_cache_is_a_miss()
    {
        await using var node = await StartAsync(services => services.AddSingleton<HybridCache>(_foreign));
        await node.Cache.InScope(new CacheScope("theirs")).SetAsync("key", "their secret");
        _foreign.Copy(Key("theirs"), Key("mine"));

        Assert.Equal("loaded", await new CountedFactory<string>("loaded").ReadAsync(node.Cache.InScope(new CacheScope("mine")), "key"));

        static string Key(string tenant) => new KeyTuple("cache", "v1", tenant, null, null, "key").PhysicalKey;
    }

    [Fact]
    public async Task The_wrapped_cache_may_be_registered_in_any_way()
    {
        await RoundTripAsync(services => services.AddSingleton<HybridCache>(_foreign));
        await RoundTripAsync(services => services.AddSingleton<HybridCache>(_ => _foreign));
        await RoundTripAsync(services => services.AddSingleton<HybridCache, ForeignHybridCache>());

        static async Task RoundTripAsync(Action<IServiceCollection> register)
        {
            await using var node = await StartAsync(register);
            await node.Cache.SetAsync("key", 1);
            Assert.Equal(1, await HybridCacheContract.PeekAsync<int>(node.Cache, "key"));
        }
    }

    [Fact]
    public void A_cache_that_is_no_singleton_is_refused_with_its_lifetime() =>
        Assert.Contains(
            "Scoped",
            Assert.Throws<InvalidOperationException>(() => new ServiceCollection().AddScoped<HybridCache, ForeignHybridCache>().AddLarder()).Message,
            StringComparison.Ordinal);

    [Fact]
    public async Task A_keyed_cache_is_left_alone()
    {
        await using var node = await StartAsync(services => services.AddKeyedSingleton<HybridCache>("mine", _foreign));
        await node.Cache.SetAsync("key", 1);

        Assert.Same(_foreign, node.Services.GetRequiredKeyedService<HybridCache>("mine"));
        Assert.Empty(_foreign.Keys);
    }

    [Fact]
    public void A_view_of_a_cache_that_is_not_larders_is_refused_with_a_hint() =>
        Assert.Contains("AddLarder", Assert.Throws<ArgumentException>(() => _foreign.InScope(CacheScope.Raw)).Message, StringComparison.Ordinal);

    private static Task<CacheNode> StartAsync(Action<IServiceCollection> register)
    {
        var services = new ServiceCollection();
        services.AddSingleton(TimeProvider.System);
        register(services);
        services.AddLarder();
        return CacheNode.StartAsync(services);
    }
}
