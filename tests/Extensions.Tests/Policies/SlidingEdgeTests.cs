using System.Buffers.Binary;
using Larder.Consistency.Levels;
using Larder.Engine;
using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests.Policies;

/// <summary>Sliding expirations at the ends of what may be said, and beside the other policies.</summary>
public sealed class SlidingEdgeTests : PolicyEdge
{
    private const string OftenRead = "a key that is read often";

    [Fact]
    public async Task A_read_of_a_stale_entry_does_not_end_it_at_the_second_level()
    {
        var level = new NotedTouches(new MemoryServer().Connect());
        var engine = Start(level, null, options => options.StampAge = TimeSpan.FromHours(1));
        var cache = Cache(engine);
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(10), SlidingExpiration = TimeSpan.FromMinutes(8), StaleWhileRevalidate = TimeSpan.FromHours(1) };
        await cache.GetOrCreateAsync("key", Value("value"), policy);
        Clock.Advance(TimeSpan.FromMinutes(5));
        await cache.GetOrCreateAsync("key", Value("value"), policy);
        Assert.NotEmpty(level.Lives);
        Clock.Advance(TimeSpan.FromMinutes(6));
        await cache.GetOrCreateAsync("key", Down, policy);
        await SettleAsync(engine);
        Clock.Advance(TimeSpan.FromSeconds(2));
        await cache.GetOrCreateAsync("key", Down, policy);

        // The server makes one millisecond of what is not positive.
        Assert.All(level.Lives, life => Assert.True(life > TimeSpan.Zero, $"The second level is to keep the entry for {life}."));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_longest_expiration_goes_with_a_sliding_one(bool isLongToo)
    {
        var server = new MemoryServer();
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.MaxValue, SlidingExpiration = isLongToo ? TimeSpan.MaxValue - TimeSpan.FromDays(1) : TimeSpan.FromMinutes(1) };
        await Cache(Start(server.Connect())).GetOrCreateAsync("key", Value("value"), policy);

        Assert.Equal("value", await Cache(Start(server.Connect())).GetOrCreateAsync("key", Value("unused"), policy));
    }

    [Theory]
    [InlineData(40)]
    [InlineData(EntryPayload.HeaderLength)]
    [InlineData(EntryPayload.HeaderLength + 8)]
    [InlineData(EntryPayload.HeaderLength + 16)]
    public async Task Whatever_the_second_level_says_about_times_no_request_fails(int offset)
    {
        // What the terms take in the header, and the length of an empty list of tags.
        const int Terms = 26 + 4;
        var store = new TestDistributedCache(Clock);
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(10), SlidingExpiration = TimeSpan.FromMinutes(8) };
        await Cache(Plain(store)).GetOrCreateAsync("key", Value("stored"), policy);
        var name = store.Keys.Single(key => EntryPayload.MaySlide(store[key]));
        var payload = store[name]!;
        BinaryPrimitives.WriteInt64LittleEndian(payload.AsSpan(offset), long.MaxValue);
        EntryPayload.Seal(payload, EntryPayload.HeaderLength + Terms);
        store[name] = payload;

        Assert.Contains(await Cache(Plain(store)).GetOrCreateAsync("key", Value("loaded"), policy), new[] { "stored", "loaded" });
    }

    [Fact]
    public async Task What_fell_asleep_long_ago_does_not_stand_in()
    {
        var cache = Cache(InMemory());
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromHours(24), SlidingExpiration = TimeSpan.FromSeconds(10), StaleIfError = TimeSpan.FromSeconds(5) };
        await cache.GetOrCreateAsync("key", Value("value"), policy);
        Clock.Advance(TimeSpan.FromSeconds(50));

        await Assert.ThrowsAsync<IOException>(async () => await cache.GetOrCreateAsync("key", Down, policy));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(OftenRead)]
    public async Task A_hit_allocates_nothing(string? keyText)
    {
        var engine = InMemory(time: TimeProvider.System);
        var scope = Scope(engine);
        var options = new HybridCacheEntryOptions { Expiration = TimeSpan.FromHours(1) };
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromHours(1), SlidingExpiration = TimeSpan.FromMinutes(10) };
        await Cache(engine).GetOrCreateAsync(OftenRead, Value("value"), policy);
        Func<int, CancellationToken, ValueTask<string?>> factory = static (_, _) => new("unused");
        Assert.InRange(Allocated.AtLeast(Read, allowed: 1_000), 0, 1_000);

        void Read()
        {
            for (var i = 0; i < 1_000; i++)
            {
                Assert.True(engine.GetOrCreateAsync(scope, OftenRead, keyText, 1, factory, options, null, default).IsCompletedSuccessfully);
            }
        }
    }

    private sealed class NotedTouches(SecondLevel inner) : SecondLevelDecorator(inner)
    {
        public List<TimeSpan> Lives { get; } = [];

        public override Task TouchAsync(string key, long id, TimeSpan left, TimeSpan sliding, CancellationToken cancellationToken)
        {
            Lives.Add(new StoreTerms(left, left, default, sliding).Life);
            return base.TouchAsync(key, id, left, sliding, cancellationToken);
        }
    }
}
