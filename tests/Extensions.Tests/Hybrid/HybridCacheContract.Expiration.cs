using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests.Hybrid;

public abstract partial class HybridCacheContract
{
    [ContractFact]
    public async Task An_entry_lives_five_minutes_unless_told_otherwise() =>
        await LivesAsync(Cache, TimeSpan.FromMinutes(5), null);

    [ContractFact]
    public async Task An_entry_lives_as_long_as_its_call_says() =>
        await LivesAsync(Cache, TimeSpan.FromSeconds(40), new HybridCacheEntryOptions { Expiration = TimeSpan.FromSeconds(40) });

    [ContractFact]
    public async Task An_entry_lives_as_long_as_the_options_say()
    {
        var node = await StartNodeAsync(options => options.DefaultExpiration = TimeSpan.FromMinutes(20));

        await LivesAsync(node.Cache, TimeSpan.FromMinutes(20), null);
    }

    [ContractFact]
    public async Task The_local_copy_ends_first_when_it_is_given_less_time()
    {
        var source = new CountedFactory<string>(call => $"value {call}");
        var options = new HybridCacheEntryOptions { Expiration = TimeSpan.FromMinutes(10), LocalCacheExpiration = TimeSpan.FromMinutes(1) };
        await source.ReadAsync(Cache, "key", options);

        Clock.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal("value 1", await PeekAsync("key", HybridCacheEntryFlags.DisableDistributedCacheRead));
        Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Null(await PeekAsync("key", HybridCacheEntryFlags.DisableDistributedCacheRead));
        Assert.Equal(IsShared ? "value 1" : "value 2", await source.ReadAsync(Cache, "key", options));

        Clock.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(IsShared ? "value 2" : "value 3", await source.ReadAsync(Cache, "key", options));
    }

    [ContractFact]
    public async Task The_local_copy_does_not_outlive_the_entry()
    {
        var source = new CountedFactory<int>(call => call);
        var options = new HybridCacheEntryOptions { Expiration = TimeSpan.FromMinutes(1), LocalCacheExpiration = TimeSpan.FromHours(1) };
        await source.ReadAsync(Cache, "key", options);

        Clock.Advance(TimeSpan.FromSeconds(61));

        Assert.Equal(2, await source.ReadAsync(Cache, "key", options));
    }

    [ContractFact]
    public async Task A_copy_taken_from_the_second_level_does_not_live_longer_there_than_the_entry()
    {
        var options = new HybridCacheEntryOptions { Expiration = TimeSpan.FromMinutes(2) };
        await Cache.SetAsync("key", 1, options);
        var other = await StartNodeAsync();
        Clock.Advance(TimeSpan.FromMinutes(1.5));
        Assert.Equal(IsShared ? 1 : 0, await PeekAsync<int>(other.Cache, "key"));

        Clock.Advance(TimeSpan.FromSeconds(31));

        Assert.Equal(0, await PeekAsync<int>(other.Cache, "key"));
    }

    [ContractFact]
    public async Task Setting_again_starts_the_time_anew()
    {
        var options = new HybridCacheEntryOptions { Expiration = TimeSpan.FromMinutes(1) };
        await Cache.SetAsync("key", 1, options);
        Clock.Advance(TimeSpan.FromSeconds(50));
        await Cache.SetAsync("key", 2, options);
        Clock.Advance(TimeSpan.FromSeconds(50));

        Assert.Equal(2, await PeekAsync<int>(Cache, "key"));
    }

    [ContractFact]
    public async Task An_expiration_of_zero_switches_caching_off()
    {
        if (!ZeroSwitchesCachingOff)
        {
            return;
        }

        var source = new CountedFactory<int>(call => call);
        var zero = new HybridCacheEntryOptions { Expiration = TimeSpan.Zero };
        Assert.Equal(1, await source.ReadAsync(Cache, "key", zero));
        Assert.Equal(2, await source.ReadAsync(Cache, "key", zero));

        var off = await StartNodeAsync(options => options.DefaultExpiration = TimeSpan.Zero);
        Assert.Equal(3, await source.ReadAsync(off.Cache, "key"));
        Assert.Equal(4, await source.ReadAsync(off.Cache, "key"));
        await off.Cache.SetAsync("key", 100);
        Assert.Equal(5, await source.ReadAsync(off.Cache, "key"));
    }

    [ContractFact]
    public async Task An_entry_may_live_for_ever()
    {
        var forever = new HybridCacheEntryOptions { Expiration = TimeSpan.FromDays(300_000) };
        await Cache.GetOrCreateAsync("key", _ => new ValueTask<int>(1), forever);
        var other = await StartNodeAsync();

        Assert.Equal(1, await PeekAsync<int>(Cache, "key"));
        Assert.Equal(IsShared ? 1 : 0, await PeekAsync<int>(other.Cache, "key"));
    }

    private async Task LivesAsync(HybridCache cache, TimeSpan lives, HybridCacheEntryOptions? options)
    {
        var source = new CountedFactory<int>(call => call);
        await source.ReadAsync(cache, "loaded", options);
        await cache.SetAsync("set", 10, options);

        Clock.Advance(lives - TimeSpan.FromSeconds(1));
        Assert.Equal((1, 10), (await source.ReadAsync(cache, "loaded", options), await PeekAsync<int>(cache, "set")));

        Clock.Advance(TimeSpan.FromSeconds(1.1));
        Assert.Equal((2, 0), (await source.ReadAsync(cache, "loaded", options), await PeekAsync<int>(cache, "set")));
    }
}
