using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Admin;

/// <summary>Listing and removing by pattern: exactly what fits, in exactly one scope, wherever it is.</summary>
public abstract class InspectContract : LarderContract
{
    private static readonly CacheScope Acme = new("acme", "web", "users");

    // Tenants that look like patterns, like each other, or like parts of physical keys.
    private static readonly CacheScope[] Neighbours =
    [
        CacheScope.Raw, new("*"), new("acm?"), new("[a]cme"), new("acme*"), new("ac"), new("acme:p.web"), new("acme", "web"), new("acme", "web", "*"), new("acme", "*", "users"),
        new("\\*"), new("ACME", "web", "users"), new("acme", "web", "users:a"), new("^a", "-", "a-z"),
    ];

    private static readonly string[] Keys =
        ["user:1", "user:2", "user:10:profile", "user:*", "user:?", "user:[12]", "order:1", "*", "?", "[a-z]", "\\", "\\*", "^", "{x}", "#", "%41", "a:b:c", "é\u0000", "\uD800", "x\uD83D\uDE00y", "ключ"];

    private protected ICacheAdmin Admin => Node.Services.GetRequiredService<ICacheAdmin>();

    [ContractFact]
    public async Task Exactly_the_keys_that_fit_are_listed()
    {
        await FillAsync(Acme);
        Assert.Equal(Keys.Order(StringComparer.Ordinal), await ListAsync(Acme, "*"));
        Assert.Equal(["user:*", "user:1", "user:10:profile", "user:2", "user:?", "user:[12]"], await ListAsync(Acme, "user:*"));
        Assert.Equal(["user:*", "user:1", "user:2", "user:?"], await ListAsync(Acme, "user:?"));
        Assert.Equal(["user:10:profile"], await ListAsync(Acme, "*:profile"));
        Assert.Equal(["user:[12]"], await ListAsync(Acme, "user:[12]"));
        Assert.Equal(["order:1", "user:1"], await ListAsync(Acme, "*r:1"));
        Assert.Equal(["x\uD83D\uDE00y"], await ListAsync(Acme, "x\uD83D*"));
        Assert.Empty(await ListAsync(Acme, "USER:*"));
    }

    [ContractFact]
    public async Task Nothing_of_another_scope_is_listed_or_removed_whatever_the_pattern()
    {
        CacheScope[] scopes = [Acme, .. Neighbours];
        foreach (var scope in scopes)
        {
            await Cache.InScope(scope).SetAsync("user:1", scope.ToString());
        }

        string[] patterns = ["*", "*user*", "?*", "*:*:*", "*acme*", "acme*", "\\*", "[a]*", "*1", "t.acme:p.web:n.users:user:1"];
        foreach (var scope in scopes)
        {
            foreach (var pattern in patterns)
            {
                await foreach (var entry in Admin.InspectAsync(scope, pattern))
                {
                    Assert.Equal((scope, "user:1"), (entry.Scope, entry.Key));
                }
            }
        }

        var left = scopes.ToHashSet();
        foreach (var scope in scopes)
        {
            var removed = 0L;
            foreach (var pattern in patterns)
            {
                removed += await Admin.RemoveByPatternAsync(scope, pattern);
            }

            Assert.Equal(1, removed);
            left.Remove(scope);
            foreach (var other in scopes)
            {
                Assert.Equal((other, left.Contains(other)), (other, (await Cache.InScope(other).TryGetAsync<string>("user:1")).IsFound));
            }
        }
    }

    [ContractFact]
    public async Task An_entry_is_described()
    {
        var node = await StartAsync(options => options.Statistics = true);
        var admin = node.Services.GetRequiredService<ICacheAdmin>();
        var cache = node.Cache.InScope(Acme);
        var before = Clock.GetUtcNow();
        await cache.SetAsync("user:1", "value", [new CacheIndex("team", "red")], new HybridCacheEntryOptions { Expiration = TimeSpan.FromMinutes(3) }, ["a", "b"]);
        await cache.GetOrCreateAsync("none", _ => new ValueTask<string?>((string?)null));
        for (var i = 0; i < 3; i++)
        {
            await cache.GetOrCreateAsync("user:1", _ => new ValueTask<string>("loaded"));
        }

        var entry = Assert.Single(await admin.InspectAsync(Acme, "user:*").ToListAsync());
        var found = await admin.FindAsync(Acme, "user:1");
        Assert.Equal((entry.Key, entry.Levels, entry.Hits, entry.Info.Size), (found!.Key, found.Levels, found.Hits, found.Info.Size));
        Assert.Equal(Backend.IsShared ? CacheLevels.Both : CacheLevels.Memory, entry.Levels);
        Assert.Equal(["a", "b"], entry.Info.Tags.Order());
        Assert.Equal([new CacheIndex("team", "red")], entry.Info.Indexes);
        Assert.InRange(entry.Info.Created, before.AddMilliseconds(-1), Clock.GetUtcNow());
        Assert.InRange(entry.Info.Expires - entry.Info.Created, TimeSpan.FromSeconds(179), TimeSpan.FromSeconds(181));
        Assert.Equal(Backend.IsShared ? "value".Length : node.Engine!.Memory.Entries.Single(held => held.Key == "user:1").Size, entry.Info.Size);
        Assert.Equal((3, false, false), (entry.Hits, entry.Info.IsNotFound, entry.IsKeyHashed));
        Assert.InRange(entry.LastAccess!.Value, before.AddSeconds(-1), Clock.GetUtcNow());
        Assert.True((await admin.FindAsync(Acme, "none"))!.Info.IsNotFound);
        Assert.Null(await admin.FindAsync(Acme, "missing"));
        Assert.Null(await admin.FindAsync(Acme.WithTenant("globex"), "user:1"));
    }

    [ContractFact]
    public async Task What_a_call_would_not_be_given_is_left_out()
    {
        await Cache.SetAsync("expired", "1", new HybridCacheEntryOptions { Expiration = TimeSpan.FromSeconds(10) });
        await Cache.SetAsync("tagged", "2", tags: ["tag"]);
        await Cache.SetAsync("removed", "3");
        await Cache.SetAsync("kept", "4");
        await Cache.RemoveByTagAsync("tag");
        await Cache.RemoveAsync("removed");
        await AdvanceAsync(TimeSpan.FromSeconds(11));

        Assert.Equal(["kept"], await ListAsync(CacheScope.Raw, "*"));
        Assert.Null(await Admin.FindAsync(CacheScope.Raw, "tagged"));
        Assert.Null(await Admin.FindAsync(CacheScope.Raw, "expired"));
        Assert.Equal(1, await Admin.RemoveByPatternAsync(CacheScope.Raw, "*"));
    }

    [ContractFact]
    public async Task Many_entries_come_once_each_and_are_removed_with_their_number()
    {
        for (var i = 0; i < 1_000; i++)
        {
            await Cache.InScope(Acme).SetAsync($"k{i}", i);
        }

        Assert.Equal(1_000, (await ListAsync(Acme, "*")).Distinct().Count());
        Assert.Equal(1_000, (await ListAsync(Acme, "*")).Length);
        Assert.Equal(111, await Admin.RemoveByPrefixAsync(Acme, "k7"));
        Assert.Equal(8, await Admin.RemoveByPatternAsync(Acme, "k?5"));
        Assert.Equal(0, await Admin.RemoveByPatternAsync(Acme, "k?5"));
        Assert.Equal(881, (await ListAsync(Acme, "*")).Length);
        Assert.Equal(CacheResultKind.Missing, (await Cache.InScope(Acme).TryGetAsync<int>("k777")).Kind);
    }

    [ContractFact]
    public async Task A_prefix_with_wildcards_means_itself()
    {
        await FillAsync(Acme);
        Assert.Equal(1, await Admin.RemoveByPrefixAsync(Acme, "user:*"));
        Assert.Equal(1, await Admin.RemoveByPrefixAsync(Acme, "user:["));
        Assert.Equal(Keys.Length - 2, (await ListAsync(Acme, "*")).Length);
    }

    [ContractFact]
    public async Task Removal_reaches_memory_and_loads_on_every_node()
    {
        var other = Backend.IsShared ? await StartAsync(null) : Node;
        await Cache.SetAsync("user:1", "old");
        Assert.Equal("old", (await other.Cache.TryGetAsync<string>("user:1")).Value);
        await other.Cache.SetAsync("user:2", "old", new HybridCacheEntryOptions { Flags = HybridCacheEntryFlags.DisableDistributedCacheWrite });
        var gate = new GatedFactory<string>();
        var load = other.Cache.GetOrCreateAsync("user:3", gate.LoadAsync).AsTask();
        await gate.Started;

        await Admin.RemoveByPatternAsync(CacheScope.Raw, "user:*");
        gate.Answer("old");
        Assert.Equal("old", await load);
        for (var i = 1; i <= 3; i++)
        {
            Assert.False((await Cache.TryGetAsync<string>($"user:{i}")).IsFound, $"user:{i}");
            await Poll.UntilAsync(async () => !(await other.Cache.TryGetAsync<string>($"user:{i}")).IsFound, $"the other node has forgotten user:{i}");
        }
    }

    [ContractFact]
    public async Task Keys_too_long_for_the_server_are_found_by_the_node_that_holds_them()
    {
        var key = "long:" + new string('{', 400);
        await Cache.InScope(Acme).SetAsync(key, "value");
        await Cache.InScope(Acme).SetAsync("short", "value");

        Assert.Equal([key], await ListAsync(Acme, "long:*"));
        Assert.Equal([key, "short"], await ListAsync(Acme, "*"));
        Assert.Equal(1, await Admin.RemoveByPatternAsync(Acme, "long:*"));
        Assert.False((await Cache.InScope(Acme).TryGetAsync<string>(key)).IsFound);
        await Cache.InScope(Acme).SetAsync(key, "value");
        Assert.Equal(2, await Admin.RemoveByPatternAsync(Acme, "*"));
        Assert.Empty(await ListAsync(Acme, "*"));
    }

    [ContractFact]
    public async Task An_enumeration_can_be_left_and_stopped()
    {
        await FillAsync(Acme);
        await foreach (var entry in Admin.InspectAsync(Acme))
        {
            Assert.NotNull(entry);
            break;
        }

        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Admin.InspectAsync(Acme, "*", cancelled.Token).ToListAsync());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Admin.RemoveByPatternAsync(Acme, "*", cancelled.Token));
    }

    [ContractFact]
    public void Wrong_patterns_are_refused_at_once()
    {
        Assert.Throws<ArgumentException>(() => Admin.InspectAsync(Acme, ""));
        Assert.Throws<ArgumentNullException>(() => Admin.InspectAsync(null!, "*"));
    }

    private async Task FillAsync(CacheScope scope)
    {
        foreach (var key in Keys)
        {
            await Cache.InScope(scope).SetAsync(key, "value of " + key.Length);
        }
    }

    private protected async Task<string[]> ListAsync(CacheScope scope, string pattern)
    {
        var keys = new List<string>();
        await foreach (var entry in Admin.InspectAsync(scope, pattern))
        {
            Assert.Equal(scope, entry.Scope);
            keys.Add(entry.Key);
        }

        return [.. keys.Order(StringComparer.Ordinal)];
    }
}

public sealed class InMemoryInspectTests : InspectContract
{
    private protected override Backend Backend { get; } = Backend.Memory();
}

public abstract class ServerInspectTests(ServerKind kind) : InspectContract
{
    private protected override Backend Backend { get; } = Backend.Of(kind);

    [ContractFact]
    public async Task What_only_the_server_holds_is_listed_and_removed()
    {
        var other = await StartAsync(null);
        await other.Cache.SetAsync("user:1", "value", tags: Enumerable.Range(0, 100).Select(i => $"a rather long tag with the number {i}"));
        await other.Cache.SetAsync("long:" + new string('{', 400), "value");

        var entries = await Admin.InspectAsync(CacheScope.Raw).ToListAsync();
        Assert.Equal([CacheLevels.SecondLevel, CacheLevels.SecondLevel], entries.Select(entry => entry.Levels));
        Assert.Equal(100, Assert.Single(entries, entry => entry.Key == "user:1").Info.Tags.Count);
        Assert.Single(entries, entry => entry.IsKeyHashed);
        Assert.Equal(2, await Admin.RemoveByPatternAsync(CacheScope.Raw, "*"));
        await Poll.UntilAsync(async () => !(await other.Cache.TryGetAsync<string>("user:1")).IsFound, "the other node has forgotten it");
    }

    [ContractFact]
    public async Task What_stands_under_anothers_key_is_not_listed()
    {
        await using var client = await ConnectionMultiplexer.ConnectAsync((await TestServers.GetAsync(kind)).ConnectionString);
        await Cache.SetAsync("mine", "value");
        var prefix = Node.Engine!.Scope(CacheScope.Raw).KeyPrefix;
        await client.GetDatabase().StringSetAsync(prefix + "planted", await client.GetDatabase().StringGetAsync(prefix + "mine"));
        await client.GetDatabase().StringSetAsync(prefix + "%6dine", "not of this layout");

        Assert.Equal(["mine"], await ListAsync(CacheScope.Raw, "*"));
    }

    [ContractFact]
    public async Task A_purge_takes_keys_out_of_index_sets_whose_entries_are_gone()
    {
        await using var client = await ConnectionMultiplexer.ConnectAsync((await TestServers.GetAsync(kind)).ConnectionString);
        var server = client.GetDatabase();
        var index = new CacheIndex("user", "alice");
        RedisKey set = $"{Node.Engine!.ApplicationPrefix}i:t.acme:p:n:user:alice";
        var cache = Cache.InScope(new CacheScope("acme"));
        await cache.SetAsync("kept", "1", [index]);
        await cache.SetAsync("moved", "2", [index]);
        await cache.SetAsync("moved", "3", [new CacheIndex("user", "bob")]);
        await cache.SetAsync("removed", "4", [index]);
        await cache.RemoveAsync("removed");
        await cache.SetAsync("invalid", "5", [index], tags: ["tag"]);
        await cache.RemoveByTagAsync("tag");
        await cache.SetAsync("lately removed", "6", [index]);
        await cache.RemoveAsync("lately removed");

        // As if they had been added two minutes ago: the low part of the score says when.
        foreach (var member in (string[])["kept", "moved", "removed", "invalid"])
        {
            await server.SortedSetAddAsync(set, member, (await server.SortedSetScoreAsync(set, member))!.Value - 120);
        }

        Assert.Equal(3, (await Admin.PurgeAsync()).IndexMembersRemoved);
        Assert.Equal(["kept", "lately removed"], (await server.SortedSetRangeByRankAsync(set)).Select(member => (string?)member).Order(StringComparer.Ordinal));
        Assert.Equal(["moved"], await cache.GetKeysByIndexAsync(new CacheIndex("user", "bob")).ToListAsync());
    }
}

[NeedsServer(ServerKind.Redis)]
public sealed class RedisInspectTests() : ServerInspectTests(ServerKind.Redis);

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyInspectTests() : ServerInspectTests(ServerKind.Valkey);

[NeedsServer(ServerKind.RedisCluster)]
public sealed class RedisClusterInspectTests() : ServerInspectTests(ServerKind.RedisCluster);

public sealed class PlainInspectTests : LarderContract
{
    private protected override Backend Backend { get; } = Backend.Plain();

    private ICacheAdmin Admin => Node.Services.GetRequiredService<ICacheAdmin>();

    [Fact]
    public async Task This_nodes_memory_is_listed_and_removal_by_pattern_is_refused()
    {
        await Cache.SetAsync("key", "value");

        Assert.Equal(("key", CacheLevels.Both), (await Admin.InspectAsync(CacheScope.Raw).Select(entry => (entry.Key, entry.Levels)).ToListAsync()).Single());
        Assert.NotNull(await Admin.FindAsync(CacheScope.Raw, "key"));
        var failure = await Assert.ThrowsAsync<NotSupportedException>(async () => await Admin.RemoveByPatternAsync(CacheScope.Raw, "*"));
        Assert.Contains("tag", failure.Message, StringComparison.Ordinal);
        Assert.True((await Cache.TryGetAsync<string>("key")).IsFound);
    }
}

public sealed class ForeignInspectTests : LarderContract
{
    private protected override Backend Backend { get; } = Backend.Foreign();

    [Fact]
    public async Task A_wrapped_cache_cannot_be_listed_and_says_so_but_an_entry_is_found()
    {
        var admin = Node.Services.GetRequiredService<ICacheAdmin>();
        await Cache.SetAsync("key", "value", tags: ["tag"]);

        Assert.Throws<NotSupportedException>(() => admin.InspectAsync(CacheScope.Raw));
        Assert.Equal(["tag"], (await admin.FindAsync(CacheScope.Raw, "key"))!.Info.Tags);
    }
}
