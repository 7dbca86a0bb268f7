using Larder.Tests.Hybrid;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Engine;

public sealed class LongLivedStampTests
{
    [Fact]
    public async Task Over_a_plain_distributed_cache_stamps_outlive_the_entries_that_carry_them()
    {
        var clock = new SteppedClock();
        var store = new TestDistributedCache(clock);
        await using var one = await StartAsync();
        await using var two = await StartAsync();

        // The scope's stamps are made for short-lived entries first.
        await one.Cache.SetAsync("short", 1);
        await one.Cache.SetAsync("long", 2, new() { Expiration = TimeSpan.FromDays(100) });
        clock.Advance(TimeSpan.FromDays(99));

        Assert.Equal(2, await HybridCacheContract.PeekAsync<int>(two.Cache, "long"));

        Task<CacheNode> StartAsync()
        {
            var services = new ServiceCollection();
            services.AddLogging();
            services.AddSingleton<TimeProvider>(clock);
            services.AddSingleton<IDistributedCache>(store);
            services.AddLarder();
            return CacheNode.StartAsync(services);
        }
    }
}
