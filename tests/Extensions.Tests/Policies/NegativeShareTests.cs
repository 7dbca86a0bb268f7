using Larder.Engine;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Policies;

/// <summary>Probing random keys must not push out what is used.</summary>
public sealed class NegativeShareTests
{
    [Fact]
    public async Task Ten_thousand_keys_that_are_not_found_take_a_tenth_and_leave_the_values()
    {
        await using var services = new ServiceCollection().AddLarder(options => options.MaximumMemoryEntries = 1_000).Services.BuildServiceProvider();
        var cache = services.GetRequiredService<HybridCache>();
        for (var i = 0; i < 900; i++)
        {
            await cache.SetAsync($"value:{i}", "value");
        }

        for (var i = 0; i < 10_000; i++)
        {
            await cache.GetOrCreateAsync($"probe:{i}", _ => new ValueTask<string?>((string?)null));
        }

        var kept = 0;
        for (var i = 0; i < 900; i++)
        {
            kept += (await cache.TryGetAsync<string>($"value:{i}")).IsFound ? 1 : 0;
        }

        var memory = services.GetRequiredService<CacheEngine>().Memory;
        Assert.Equal(900, kept);
        Assert.InRange(memory.NegativeCount, 1, 100);
        Assert.InRange(memory.Count, 900, 1_000);
    }

    [Fact]
    public async Task Values_have_the_whole_memory_when_nothing_is_negative()
    {
        await using var services = new ServiceCollection().AddLarder(options => options.MaximumMemoryEntries = 1_000).Services.BuildServiceProvider();
        var cache = services.GetRequiredService<HybridCache>();
        for (var i = 0; i < 1_000; i++)
        {
            await cache.SetAsync($"value:{i}", "value");
        }

        Assert.Equal(1_000, services.GetRequiredService<CacheEngine>().Memory.Count);
    }
}
