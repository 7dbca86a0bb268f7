using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests.Policies;

/// <summary>Which values stand in, for whom, and what they leave behind.</summary>
public sealed class StandInEdgeTests : PolicyEdge
{
    private static readonly CacheEntryPolicy FailSafe = new() { Expiration = TimeSpan.FromMinutes(1), StaleIfError = TimeSpan.FromHours(1) };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Not_found_that_was_invalidated_does_not_turn_the_next_value_into_not_found(int nodes)
    {
        var store = new TestDistributedCache(Clock);
        var policy = new CacheEntryPolicy { StaleIfErrorServes = StaleValues.Invalidated };
        var one = Cache(Plain(store));
        var other = nodes == 1 ? one : Cache(Plain(store));
        await one.GetOrCreateAsync("key", (entry, _) => NotFound(entry), policy, ["tag"]);
        await one.RemoveByTagAsync("tag");

        Assert.Equal("value", await other.GetOrCreateAsync("key", Value("value"), policy, ["tag"]));
        Assert.Equal("value", await other.GetOrCreateAsync("key", Value("unused"), policy, ["tag"]));
    }

    [Fact]
    public async Task Who_joins_does_not_get_what_only_the_leader_would_accept()
    {
        var cache = Cache(InMemory());
        var reckless = new CacheEntryPolicy { Expiration = FailSafe.Expiration, StaleIfError = FailSafe.StaleIfError, StaleIfErrorServes = StaleValues.Invalidated };
        await cache.GetOrCreateAsync("key", Value("old"), FailSafe, ["tag"]);
        await cache.RemoveByTagAsync("tag");
        var gate = new GatedFactory<string?>();
        var leader = cache.GetOrCreateAsync("key", (_, token) => gate.LoadAsync(token), reckless, ["tag"]).AsTask();
        await gate.Started;
        var joiner = cache.GetOrCreateAsync("key", Value("unused"), FailSafe, ["tag"]).AsTask();
        gate.Fail(new IOException("down"));

        Assert.Equal("old", await leader);
        await Assert.ThrowsAsync<IOException>(() => joiner);
    }

    [Fact]
    public async Task Who_joins_after_an_invalidation_does_not_get_the_value_that_stands_in()
    {
        var cache = Cache(InMemory());

        // The tag is the factory's to name, so no caller says it.
        await cache.GetOrCreateAsync("key", (entry, _) => Tagged(entry, "old"), FailSafe);
        Clock.Advance(TimeSpan.FromMinutes(2));
        var reads = new HeldReads(Notes, 1);
        var leader = Task.Run(() => cache.GetOrCreateAsync("key", (_, _) => ValueTask.FromException<Note>(new IOException("down")), FailSafe).AsTask());
        await reads.Reached(0);
        await cache.RemoveByTagAsync("tag");

        // Invalidated and acknowledged; only now the second caller comes, and the source is well.
        var late = cache.GetOrCreateAsync("key", (entry, _) => Tagged(entry, "new"), FailSafe).AsTask();
        reads.LetGo(0);
        await leader;
        Assert.Equal("new", (await late.WaitAsync(Patience)).Text);

        static ValueTask<Note> Tagged(CacheEntryContext entry, string text)
        {
            entry.Tags.Add("tag");
            return new(new Note { Text = text });
        }
    }

    [Fact]
    public async Task A_caller_is_not_given_a_stale_value_because_another_was_impatient()
    {
        var cache = Cache(InMemory());
        var impatient = new CacheEntryPolicy { Expiration = FailSafe.Expiration, StaleIfError = FailSafe.StaleIfError, SoftTimeout = TimeSpan.FromMilliseconds(20) };
        await cache.GetOrCreateAsync("key", Value("old"), FailSafe);
        Clock.Advance(TimeSpan.FromMinutes(2));
        var gate = new GatedFactory<string?>();
        Assert.Equal("old", await cache.GetOrCreateAsync("key", (_, token) => gate.LoadAsync(token), impatient));
        var patient = cache.GetOrCreateAsync("key", Value("unused"), FailSafe).AsTask();
        gate.Answer("new");

        Assert.Equal("new", await patient.WaitAsync(Patience));
    }

    [Fact]
    public async Task A_removed_key_stays_removed_on_other_nodes_also_with_Invalidated()
    {
        var store = new TestDistributedCache(Clock);
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromHours(1), StaleIfError = TimeSpan.FromHours(1), StaleIfErrorServes = StaleValues.Invalidated };
        var one = Cache(Plain(store));
        var two = Cache(Plain(store));
        await one.GetOrCreateAsync("key", Value("old"), policy);
        Assert.Equal("old", await two.GetOrCreateAsync("key", Value("unused"), policy));
        await one.RemoveAsync("key");

        // Beyond StampAge, from when on the other node asks before it serves.
        Clock.Advance(TimeSpan.FromMinutes(1));
        await Assert.ThrowsAsync<IOException>(async () => await two.GetOrCreateAsync("key", Down, policy));
    }

    [Fact]
    public async Task A_caller_that_keeps_out_of_memory_leaves_nothing_there_when_a_stale_value_stands_in()
    {
        var engine = Plain(new TestDistributedCache(Clock));
        var cache = Cache(engine);
        var policy = new CacheEntryPolicy { Expiration = FailSafe.Expiration, StaleIfError = FailSafe.StaleIfError, Flags = HybridCacheEntryFlags.DisableLocalCache };
        await cache.GetOrCreateAsync("key", Value("old"), policy);
        Assert.Equal(0, engine.Memory.Count);
        Clock.Advance(TimeSpan.FromMinutes(2));

        Assert.Equal("old", await cache.GetOrCreateAsync("key", Down, policy));
        Assert.Equal(0, engine.Memory.Count);
    }

    [Fact]
    public async Task In_memory_alone_an_invalidated_value_may_stand_in_for_all_its_time()
    {
        var time = new FakeTimeProvider();
        var cache = Cache(InMemory(time: time));
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(30), StaleIfError = TimeSpan.FromHours(10), StaleIfErrorServes = StaleValues.Invalidated };
        await cache.GetOrCreateAsync("key", Value("old"), policy, ["tag"]);
        await cache.RemoveByTagAsync("tag");

        // Each time round the background sweeps memory, and then waits again.
        for (var i = 0; i < 3; i++)
        {
            await time.WaitForTimersAsync();
            time.Advance(TimeSpan.FromMinutes(1));
        }

        await time.WaitForTimersAsync();
        Assert.Equal("old", await cache.GetOrCreateAsync("key", Down, policy, ["tag"]));
    }

    [Fact]
    public async Task Without_StaleIfError_nothing_invalidated_stands_in()
    {
        var cache = Cache(InMemory());
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(30), EarlyRefreshThreshold = 0.8, StaleIfErrorServes = StaleValues.Invalidated };
        await cache.GetOrCreateAsync("key", Value("old"), policy, ["tag"]);
        await cache.RemoveByTagAsync("tag");

        await Assert.ThrowsAsync<IOException>(async () => await cache.GetOrCreateAsync("key", Down, policy, ["tag"]));
    }
}
