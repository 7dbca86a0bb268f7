using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Indexes;

/// <summary>Sets of entries, where they can be kept.</summary>
public abstract class IndexContract : LarderContract
{
    private static readonly CacheIndex Alice = new("user", "alice");
    private static readonly CacheIndex Bob = new("user", "bob");
    private static readonly CacheIndex Phone = new("device", "phone");

    [ContractFact]
    public async Task Entries_are_found_by_what_they_belong_to()
    {
        await Cache.SetAsync("s1", "one", [Alice, Phone]);
        await Cache.SetAsync("s2", "two", [Alice]);
        await Cache.SetAsync("s3", "three", [Bob, Phone]);
        await Cache.SetAsync("s4", "four");

        Assert.Equal([("s1", "one"), ("s2", "two")], await ReadAsync(Alice));
        Assert.Equal([("s3", "three")], await ReadAsync(Bob));
        Assert.Equal([("s1", "one")], await ReadAsync(Alice, Phone));
        Assert.Empty(await ReadAsync(Alice, Bob));
        Assert.Equal(2, await Cache.CountByIndexAsync(Alice));
        Assert.Empty(await ReadAsync(new CacheIndex("user", "carol")));
    }

    [ContractFact]
    public async Task A_factory_says_what_its_value_belongs_to()
    {
        await Cache.GetOrCreateAsync("s1", (entry, _) =>
        {
            entry.Indexes.Add(Alice);
            return new ValueTask<string>("one");
        });

        Assert.Equal([("s1", "one")], await ReadAsync(Alice));
    }

    [ContractFact]
    public async Task What_was_not_found_belongs_to_nothing()
    {
        await Cache.GetOrCreateAsync("s1", (entry, _) =>
        {
            entry.Indexes.Add(Alice);
            entry.NotFound();
            return new ValueTask<string?>((string?)null);
        });

        Assert.Equal(0, await Cache.CountByIndexAsync(Alice));
    }

    [ContractFact]
    public async Task Overwriting_moves_an_entry_and_leaves_nothing_behind()
    {
        await Cache.SetAsync("s1", "one", [Alice]);
        await Cache.SetAsync("s1", "two", [Bob]);
        Assert.Empty(await ReadAsync(Alice));
        Assert.Equal([("s1", "two")], await ReadAsync(Bob));

        await Cache.SetAsync("s1", "three");
        Assert.Empty(await ReadAsync(Bob));
    }

    [ContractFact]
    public async Task Removal_takes_an_entry_out_however_it_comes()
    {
        await Cache.SetAsync("by key", "1", [Alice]);
        await Cache.SetAsync("by tag", "2", [Alice], tags: ["tag"]);
        await Cache.SetAsync("by time", "3", [Alice], new HybridCacheEntryOptions { Expiration = TimeSpan.FromSeconds(10) });
        await Cache.SetAsync("stays", "4", [Alice]);
        await Cache.RemoveAsync("by key");
        await Cache.RemoveByTagAsync("tag");
        await AdvanceAsync(TimeSpan.FromSeconds(11));

        Assert.Equal([("stays", "4")], await ReadAsync(Alice));
        await Cache.RemoveByTagAsync("*");
        Assert.Empty(await ReadAsync(Alice));
    }

    [ContractFact]
    public async Task Entries_are_removed_by_what_they_belong_to_and_counted()
    {
        for (var i = 0; i < 250; i++)
        {
            await Cache.SetAsync($"k{i}", i, i % 2 == 0 ? [Alice, Phone] : [Alice]);
        }

        Assert.Equal(125, await Cache.RemoveByIndexAsync([Alice, Phone]));
        Assert.Equal(125, await Cache.CountByIndexAsync(Alice));
        Assert.Equal(CacheResultKind.Missing, (await Cache.TryGetAsync<int>("k0")).Kind);
        Assert.Equal(1, (await Cache.TryGetAsync<int>("k1")).Value);
        Assert.Equal(0, await Cache.RemoveByIndexAsync(Phone));
    }

    [ContractFact]
    public async Task A_tenants_sets_are_its_own()
    {
        await Cache.InScope(new CacheScope("acme")).SetAsync("key", "acme's", [Alice]);
        await Cache.InScope(new CacheScope("globex")).SetAsync("key", "globex's", [Alice]);

        Assert.Empty(await ReadAsync(Alice));
        Assert.Equal(1, await Cache.InScope(new CacheScope("acme")).RemoveByIndexAsync(Alice));
        Assert.Equal(1, await Cache.InScope(new CacheScope("globex")).CountByIndexAsync(Alice));
    }

    [ContractFact]
    public async Task The_scope_is_that_of_the_call_not_of_the_enumeration()
    {
        await Cache.InScope(new CacheScope("acme")).SetAsync("key", "acme's", [Alice]);
        IAsyncEnumerable<string> keys;
        using (CacheScope.Use(new CacheScope("acme")))
        {
            keys = Cache.GetKeysByIndexAsync(Alice);
        }

        Assert.Equal(["key"], await keys.ToListAsync());
    }

    [ContractFact]
    public async Task Names_values_and_keys_may_be_any_text()
    {
        string[] texts = ["a:b", "a", "b", "{x}", "%7B", " ", "*", "\uD800", "\uFFFF", "\uFFFFab", "é\u0000", "ключ", new('x', 1_000)];
        foreach (var (i, text) in texts.Index())
        {
            await Cache.SetAsync("key " + text, $"{i}", [new CacheIndex("name " + Name(text), text), new CacheIndex("n", "all")]);
            await Cache.SetAsync(text == " " ? "space" : text, $"{i}", [new CacheIndex("raw", "all")]);
        }

        foreach (var (i, text) in texts.Index())
        {
            Assert.Equal([("key " + text, $"{i}")], await ReadAsync(new CacheIndex("name " + Name(text), text)));
        }

        static string Name(string text) => text.Length <= 200 ? text : text[..200];

        Assert.Equal(texts.Length, await Cache.CountByIndexAsync(new CacheIndex("n", "all")));
        Assert.Equal(texts.Select(text => text == " " ? "space" : text).Order(StringComparer.Ordinal), (await ReadAsync(new CacheIndex("raw", "all"))).Select(entry => entry.Key));
    }

    [ContractFact]
    public async Task Parts_that_run_together_are_different_sets()
    {
        await Cache.SetAsync("one", 1, [new CacheIndex("a", "b:c")]);
        await Cache.SetAsync("two", 2, [new CacheIndex("a:b", "c")]);

        Assert.Equal(["one"], await Cache.GetKeysByIndexAsync(new CacheIndex("a", "b:c")).ToListAsync());
        Assert.Equal(["two"], await Cache.GetKeysByIndexAsync(new CacheIndex("a:b", "c")).ToListAsync());
    }

    [ContractFact]
    public async Task Entries_of_another_type_are_left_out()
    {
        await Cache.SetAsync("text", "one", [Alice]);
        await Cache.SetAsync("list", new List<int> { 1 }, [Alice]);

        var lists = await Cache.GetByIndexAsync<List<int>>(Alice).ToListAsync();
        Assert.Equal([1], Assert.Single(lists).Value);
    }

    [ContractFact]
    public async Task What_stands_in_is_not_found_by_index()
    {
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleIfError = TimeSpan.FromHours(1) };
        await Cache.GetOrCreateAsync("key", (entry, _) =>
        {
            entry.Indexes.Add(Alice);
            return new ValueTask<string>("old");
        }, policy);
        await AdvanceAsync(TimeSpan.FromMinutes(2));
        Assert.Equal("old", await Cache.GetOrCreateAsync<string>("key", (_, _) => throw new IOException("down"), policy));

        Assert.Equal(0, await Cache.CountByIndexAsync(Alice));
    }

    [ContractFact]
    public async Task A_removal_by_index_ends_what_stands_in_too()
    {
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleIfError = TimeSpan.FromHours(1) };
        await Cache.GetOrCreateAsync("key", (entry, _) =>
        {
            entry.Indexes.Add(Alice);
            return new ValueTask<string>("old");
        }, policy);
        await AdvanceAsync(TimeSpan.FromMinutes(2));
        Assert.Equal("old", await Cache.GetOrCreateAsync<string>("key", (_, _) => throw new IOException("down"), policy));

        Assert.Equal(0, await Cache.RemoveByIndexAsync(Alice));
        await Assert.ThrowsAsync<IOException>(async () => await Cache.GetOrCreateAsync<string>("key", (_, _) => throw new IOException("down"), policy));
    }

    [ContractFact]
    public async Task What_was_not_modified_belongs_to_what_it_belonged_to()
    {
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1), StaleIfError = TimeSpan.FromHours(1) };
        await Cache.GetOrCreateAsync("key", (entry, _) =>
        {
            entry.Indexes.Add(Alice);
            return new ValueTask<string>("value");
        }, policy);
        await AdvanceAsync(TimeSpan.FromMinutes(2));
        await Cache.GetOrCreateAsync("key", (entry, _) =>
        {
            entry.NotModified();
            return new ValueTask<string>("");
        }, policy);

        Assert.Equal([("key", "value")], await ReadAsync(Alice));
    }

    [ContractFact]
    public async Task Other_nodes_find_the_same()
    {
        if (!Backend.IsShared)
        {
            return;
        }

        await Cache.SetAsync("s1", "one", [Alice]);
        var other = await StartAsync(null);
        await other.Cache.SetAsync("s2", "two", [Alice]);

        Assert.Equal([("s1", "one"), ("s2", "two")], await ReadAsync(Alice));
        Assert.Equal(2, await other.Cache.RemoveByIndexAsync(Alice));
        Assert.Empty(await ReadAsync(Alice));
    }

    [ContractFact]
    public async Task Writers_at_once_lose_no_entry_and_readers_see_no_wrong_one()
    {
        var stop = false;
        var reader = Task.Run(async () =>
        {
            while (!Volatile.Read(ref stop))
            {
                await foreach (var (key, value) in Cache.GetByIndexAsync<string>(Alice))
                {
                    Assert.StartsWith("alice", value, StringComparison.Ordinal);
                    Assert.StartsWith("k", key, StringComparison.Ordinal);
                }
            }
        });
        await Task.WhenAll(Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
        {
            var random = new Random(writer);
            for (var i = 0; i < 200; i++)
            {
                // Each key has one writer, so that its last value is known.
                var key = $"k{(random.Next(10) * 8) + writer}";
                switch (random.Next(3))
                {
                    case 0: await Cache.SetAsync(key, "alice's", [Alice]); break;
                    case 1: await Cache.SetAsync(key, "bob's", [Bob]); break;
                    default: await Cache.RemoveAsync(key); break;
                }
            }

            for (var i = 0; i < 10; i++)
            {
                await Cache.SetAsync($"k{(i * 8) + writer}", i % 2 == 0 ? "alice's" : "bob's", [i % 2 == 0 ? Alice : Bob]);
            }
        })));
        Volatile.Write(ref stop, true);
        await reader;

        Assert.Equal(40, await Cache.CountByIndexAsync(Alice));
        Assert.Equal(40, await Cache.CountByIndexAsync(Bob));
    }

    [ContractFact]
    public async Task Bad_indexes_are_refused_with_what_they_are()
    {
        var name = await Assert.ThrowsAsync<ArgumentException>(async () => await Cache.SetAsync("key", 1, [new CacheIndex(" ", "x")]));
        var value = await Assert.ThrowsAsync<ArgumentException>(async () => await Cache.SetAsync("key", 1, [new CacheIndex("user", null!)]));
        var many = await Assert.ThrowsAsync<ArgumentException>(async () => await Cache.SetAsync("key", 1, Enumerable.Range(0, 65).Select(i => new CacheIndex("n", $"{i}"))));
        Assert.Throws<ArgumentException>(() => Cache.GetKeysByIndexAsync([]));

        Assert.Contains("' '", name.Message, StringComparison.Ordinal);
        Assert.Contains("'user'", value.Message, StringComparison.Ordinal);
        Assert.Contains("65", many.Message, StringComparison.Ordinal);
    }

    private async Task<List<(string Key, string? Value)>> ReadAsync(params CacheIndex[] indexes) =>
        [.. (await Cache.GetByIndexAsync<string>(indexes).ToListAsync()).Select(entry => (entry.Key, entry.Value)).OrderBy(entry => entry.Key, StringComparer.Ordinal)];
}

public sealed class InMemoryIndexTests : IndexContract
{
    private protected override Backend Backend { get; } = Backend.Memory();

    [Fact]
    public async Task Nothing_is_left_of_sets_whose_entries_are_gone()
    {
        for (var i = 0; i < 1_000; i++)
        {
            await Cache.SetAsync($"k{i}", i, [new CacheIndex("user", $"{i}")], new HybridCacheEntryOptions { Expiration = TimeSpan.FromSeconds(10) });
        }

        var memory = Node.Engine!.Memory;
        Assert.Equal((1_000, 1_000), memory.Index!.Count);
        Clock.Advance(TimeSpan.FromSeconds(11));
        memory.Sweep(Node.Engine.Clock.Now, _ => false);
        Assert.Equal((0, 0), memory.Index.Count);
    }

    [Fact]
    public async Task Sets_are_bounded_by_memory()
    {
        var node = await StartAsync(options => options.MaximumMemoryEntries = 100);
        for (var i = 0; i < 5_000; i++)
        {
            await node.Cache.SetAsync($"k{i}", i, [new CacheIndex("user", "alice")]);
        }

        Assert.InRange(node.Engine!.Memory.Index!.Count.Members, 1, 100);
        Assert.Equal(node.Engine.Memory.Count, await node.Cache.CountByIndexAsync(new CacheIndex("user", "alice")));
    }
}

[NeedsServer(ServerKind.Redis)]
public sealed class RedisIndexTests() : ServerIndexTests(ServerKind.Redis);

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyIndexTests() : ServerIndexTests(ServerKind.Valkey);

[NeedsServer(ServerKind.RedisCluster)]
public sealed class RedisClusterIndexTests() : ServerIndexTests(ServerKind.RedisCluster);

public abstract class ServerIndexTests(ServerKind kind) : IndexContract
{
    private static readonly CacheIndex Alice = new("user", "alice");

    private protected override Backend Backend { get; } = Backend.Of(kind);

    private RedisKey Set => $"{Node.Engine!.ApplicationPrefix}i:t:p:n:user:alice";

    [ContractFact]
    public async Task Strangers_are_taken_out_by_who_reads_but_not_in_their_first_minute()
    {
        await using var client = await ConnectionMultiplexer.ConnectAsync((await TestServers.GetAsync(kind)).ConnectionString);
        var server = client.GetDatabase();
        await Cache.SetAsync("s1", "one", [Alice]);
        await Cache.SetAsync("s2", "two", [Alice]);
        await Cache.RemoveAsync("s2");
        Assert.Equal(1, await Cache.CountByIndexAsync(Alice));
        Assert.Equal(2, await server.SortedSetLengthAsync(Set));

        // As if it had been added two minutes ago: the low part of the score says when.
        var score = (long)(await server.SortedSetScoreAsync(Set, "s2"))!.Value;
        await server.SortedSetAddAsync(Set, "s2", score - 120);
        Assert.Equal(1, await Cache.CountByIndexAsync(Alice));
        Assert.Equal(["s1"], (await server.SortedSetRangeByRankAsync(Set)).Select(member => (string?)member));
    }

    [ContractFact]
    public async Task What_has_expired_goes_with_the_next_addition_and_the_set_with_its_last()
    {
        await using var client = await ConnectionMultiplexer.ConnectAsync((await TestServers.GetAsync(kind)).ConnectionString);
        var server = client.GetDatabase();
        await server.SortedSetAddAsync(Set, "long gone", 1_700_000_000d * 2_097_152);
        await Cache.SetAsync("s1", "one", [Alice], new HybridCacheEntryOptions { Expiration = TimeSpan.FromMinutes(10) });

        Assert.Equal(["s1"], (await server.SortedSetRangeByRankAsync(Set)).Select(member => (string?)member));
        Assert.InRange((await server.KeyTimeToLiveAsync(Set))!.Value, TimeSpan.FromMinutes(9), TimeSpan.FromMinutes(11));
        await Cache.SetAsync("s2", "two", [Alice], new HybridCacheEntryOptions { Expiration = TimeSpan.FromMinutes(5) });
        Assert.InRange((await server.KeyTimeToLiveAsync(Set))!.Value, TimeSpan.FromMinutes(9), TimeSpan.FromMinutes(11));
    }
}

public sealed class UnsupportedIndexTests : LarderContract
{
    private protected override Backend Backend { get; } = Backend.Plain();

    [Fact]
    public async Task Where_sets_cannot_be_kept_writes_go_on_and_reads_say_so()
    {
        await Cache.SetAsync("key", "value", [new CacheIndex("user", "alice")]);
        Assert.Equal("value", (await Cache.TryGetAsync<string>("key")).Value);

        var failure = Assert.Throws<NotSupportedException>(() => Cache.GetKeysByIndexAsync(new CacheIndex("user", "alice")));
        Assert.Contains("UseRedis", failure.Message, StringComparison.Ordinal);
    }
}
