using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests.Policies;

public abstract partial class PolicyContract
{
    private static readonly CacheEntryPolicy Sliding = new() { Expiration = TimeSpan.FromMinutes(10), SlidingExpiration = TimeSpan.FromMinutes(1) };

    [ContractFact]
    public async Task An_entry_that_is_read_goes_on_to_its_absolute_end()
    {
        await ReadAsync("key", Value("old"), Sliding);
        for (var i = 0; i < 11; i++)
        {
            Clock.Advance(TimeSpan.FromSeconds(50));
            Assert.Equal("old", await ReadAsync("key", Value("new"), Sliding));
        }

        // 9:10 so far.
        Clock.Advance(TimeSpan.FromSeconds(51));
        Assert.Equal("new", await ReadAsync("key", Value("new"), Sliding));
        Assert.Equal(2, Runs);
    }

    [ContractFact]
    public async Task An_entry_that_is_not_read_ends()
    {
        if (Backend.KeepsRealTime)
        {
            // A server ends entries by its own clock; see SlidingServerTests.
            return;
        }

        await ReadAsync("key", Value("old"), Sliding);
        Clock.Advance(TimeSpan.FromSeconds(68));
        Assert.Equal("new", await ReadAsync("key", Value("new"), Sliding));
    }

    [ContractFact]
    public async Task A_call_that_is_not_cached_is_not_given_what_is_kept()
    {
        await ReadAsync("sliding", Value("old"), Sliding);
        await ReadAsync("stale", Value("old"), Revalidated);
        Clock.Advance(TimeSpan.FromMinutes(2) / 4);
        var uncached = new CacheEntryPolicy { Expiration = TimeSpan.Zero };

        Assert.Equal("new", await ReadAsync("sliding", Value("new"), uncached));
        Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("new", await ReadAsync("stale", Value("new"), uncached));
    }

    [ContractFact]
    public async Task A_look_without_a_factory_keeps_an_entry_awake_too()
    {
        await ReadAsync("key", Value("old"), Sliding);
        Clock.Advance(TimeSpan.FromSeconds(50));
        Assert.True((await Cache.TryGetAsync<string>("key")).IsFound);
        Clock.Advance(TimeSpan.FromSeconds(50));
        Assert.True((await Cache.TryGetAsync<string>("key")).IsFound);
    }
}
