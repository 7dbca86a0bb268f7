using System.Text;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Namespaces;

/// <summary>What an application injects for a named area, over every back end.</summary>
public abstract partial class NamespaceContract : LarderContract
{
    /// <summary>Whether entries can be found by what they belong to.</summary>
    private protected virtual bool HasIndexes => true;

    private protected CacheNamespace Actions => Of(Node, "confirmation");

    private protected static CacheNamespace Of(CacheNode node, string name) => node.Services.GetRequiredKeyedService<CacheNamespace>(name);

    [ContractFact]
    public async Task What_is_set_is_found_until_it_is_removed()
    {
        Assert.Null(await Actions.GetAsync<string>("key"));
        Assert.False(await Actions.ExistsAsync("key"));
        await Actions.SetAsync("key", new Action("ship", 3));

        Assert.Equal(new Action("ship", 3), await Actions.GetAsync<Action>("key"));
        Assert.True(await Actions.ExistsAsync("key"));
        Assert.True(await Actions.RemoveAsync("key"));
        Assert.False(await Actions.ExistsAsync("key"));
        Assert.Equal(CacheResultKind.Missing, (await Actions.TryGetAsync<Action>("key")).Kind);
        Assert.False(await Actions.RemoveAsync("key"));
    }

    [ContractFact]
    public async Task It_is_the_same_area_that_a_hybrid_cache_sees()
    {
        await Actions.SetAsync("key", "value");

        Assert.Equal("value", (await Cache.InScope(CacheScope.Shared("confirmation")).TryGetAsync<string>("key")).Value);
        Assert.Equal("value", (await Actions.Cache.TryGetAsync<string>("key")).Value);
        Assert.False((await Cache.TryGetAsync<string>("key")).IsFound);
        Assert.False(await Of(Node, "signup").ExistsAsync("key"));
    }

    [ContractFact]
    public async Task It_follows_the_tenant_and_project_of_the_call_and_nobody_sees_anothers()
    {
        var scopes = new[] { CacheScope.Raw, new("acme"), new("acme", "web"), new("globex"), new(null, "web"), new("") };
        foreach (var (i, scope) in scopes.Index())
        {
            using (CacheScope.Use(scope.WithNamespace("of the request")))
            {
                await Actions.SetAsync("key", i);
            }
        }

        foreach (var (i, scope) in scopes.Index())
        {
            Assert.Equal(i, await Actions.InScope(scope).GetAsync<int>("key"));
            using (CacheScope.Use(scope))
            {
                Assert.Equal(i, await Actions.GetAsync<int>("key"));
                Assert.Equal(i, await Actions.GetOrCreateAsync("key", _ => new ValueTask<int>(-1)));
            }
        }

        Assert.True(await Actions.InScope(new CacheScope("acme")).RemoveAsync("key"));
        Assert.False(await Actions.InScope(new CacheScope("acme")).ExistsAsync("key"));
        Assert.True(await Actions.InScope(new CacheScope("acme", "web")).ExistsAsync("key"));
        await Actions.InScope(new CacheScope("globex")).ClearAsync();
        Assert.False(await Actions.InScope(new CacheScope("globex")).ExistsAsync("key"));
        Assert.True(await Actions.ExistsAsync("key"));
    }

    [ContractFact]
    public async Task Its_own_defaults_hold()
    {
        var node = await StartAsync(options =>
        {
            options.Namespaces["short"] = new NamespaceOptions { DefaultExpiration = TimeSpan.FromSeconds(40) };
            options.Namespaces["gone"] = new NamespaceOptions { NullIsNotFound = true };
        });
        await Of(node, "short").SetAsync("key", 1);
        await Of(node, "short").SetAsync("long", 1, TimeSpan.FromMinutes(30));
        Assert.Equal(TimeSpan.FromSeconds(40), await Of(node, "short").GetTimeToLiveAsync("key"));
        Assert.Equal(TimeSpan.FromMinutes(30), await Of(node, "short").GetTimeToLiveAsync("long"));

        Assert.Null(await Of(node, "gone").GetOrCreateAsync("key", _ => new ValueTask<string?>((string?)null)));
        Assert.Equal(CacheResultKind.NotFound, (await Of(node, "gone").TryGetAsync<string>("key")).Kind);
    }

    [ContractFact]
    public async Task A_factory_decides_about_its_entry()
    {
        var value = await Actions.GetOrCreateAsync("key", (entry, _) =>
        {
            entry.Expiration = TimeSpan.FromMinutes(2);
            entry.Tags.Add("tag");
            return new ValueTask<string>("value");
        });

        Assert.Equal("value", value);
        var info = await Actions.GetEntryAsync("key");
        Assert.Equal(["tag"], info!.Tags);
        Assert.Equal(info.Created + TimeSpan.FromMinutes(2), info.Expires);
    }

    [ContractFact]
    public async Task An_entry_says_what_it_is()
    {
        await Actions.SetAsync("key", "value", entry => entry.Index("user", "alice").Index("session", "s1").Tag("a", "b").Expire(TimeSpan.FromMinutes(7)));
        var info = await Actions.GetEntryAsync("key");

        Assert.Equal(Clock.GetUtcNow(), info!.Created);
        Assert.Equal(Clock.GetUtcNow() + TimeSpan.FromMinutes(7), info.Expires);
        Assert.Equal(["a", "b"], info.Tags.Order(StringComparer.Ordinal));
        Assert.Equal([new CacheIndex("user", "alice"), new CacheIndex("session", "s1")], info.Indexes);
        Assert.InRange(info.Size, 5, 1_500);
        Assert.False(info.IsNotFound);
        Assert.Equal(TimeSpan.FromMinutes(7), await Actions.GetTimeToLiveAsync("key"));
        Assert.Null(await Actions.GetEntryAsync("nothing"));
        Assert.Null(await Actions.GetTimeToLiveAsync("nothing"));
    }

    [ContractFact]
    public async Task An_entry_with_more_tags_than_a_look_reads_is_described_all_the_same()
    {
        var tags = Enumerable.Range(0, 60).Select(i => $"{i:d4}{new string('t', 60)}").ToArray();
        await Actions.SetAsync("key", "value", entry => entry.Tag(tags));

        Assert.Equal(tags, (await Actions.GetEntryAsync("key"))!.Tags);
        Assert.True(await Actions.ExistsAsync("key"));
        Assert.True(await Actions.RemoveAsync("key"));
        Assert.False(await Actions.RemoveAsync("key"));
    }

    [ContractFact]
    public async Task An_entry_without_end_has_none()
    {
        await Actions.SetAsync("key", "value", TimeSpan.MaxValue);

        Assert.Equal(TimeSpan.MaxValue, await Actions.GetTimeToLiveAsync("key"));
        Assert.Equal(DateTimeOffset.MaxValue, (await Actions.GetEntryAsync("key"))!.Expires);
    }

    [ContractFact]
    public async Task What_was_invalidated_or_has_expired_does_not_exist_and_was_not_removed_by_who_removes_it()
    {
        await Actions.SetAsync("by tag", 1, entry => entry.Tag("tag"));
        await Actions.SetAsync("by time", 1, TimeSpan.FromSeconds(10));
        await Actions.SetAsync("stays", 1);
        await Actions.RemoveByTagAsync("tag");
        await AdvanceAsync(TimeSpan.FromSeconds(11));
        foreach (var key in new[] { "by tag", "by time" })
        {
            Assert.False(await Actions.ExistsAsync(key));
            Assert.Null(await Actions.GetEntryAsync(key));
            Assert.False(await Actions.RemoveAsync(key));
        }

        Assert.True(await Actions.ExistsAsync("stays"));
        await Actions.ClearAsync();
        Assert.False(await Actions.ExistsAsync("stays"));
        Assert.False(await Actions.RemoveAsync("stays"));
    }

    [ContractFact]
    public async Task The_knowledge_that_nothing_was_found_is_no_value()
    {
        await Actions.GetOrCreateAsync("key", (entry, _) =>
        {
            entry.NotFound();
            return new ValueTask<string?>((string?)null);
        });

        Assert.False(await Actions.ExistsAsync("key"));
        Assert.True((await Actions.GetEntryAsync("key"))!.IsNotFound);
        Assert.False(await Actions.RemoveAsync("key"));
        Assert.Null(await Actions.GetEntryAsync("key"));
    }

    [ContractFact]
    public async Task Null_is_a_value()
    {
        await Actions.SetAsync<string?>("key", null);

        Assert.True((await Actions.TryGetAsync<string>("key")).IsFound);
        Assert.True(await Actions.ExistsAsync("key"));
        Assert.True(await Actions.RemoveAsync("key"));
    }

    [ContractFact]
    public async Task Of_many_who_remove_a_key_one_has_removed_it()
    {
        var other = Backend.IsShared ? await StartAsync(null) : Node;
        for (var round = 0; round < 20; round++)
        {
            await Actions.SetAsync("token", "once");
            var removed = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(async () => await Of(i % 2 == 0 ? Node : other, "confirmation").RemoveAsync("token"))));
            Assert.Equal(1, removed.Count(one => one));
        }
    }

    [ContractFact]
    public async Task Bytes_are_kept_as_they_are_and_text_is_text()
    {
        await Actions.SetBytesAsync("bytes", [0, 255, 7]);
        await Actions.SetAsync("text", "żółw");
        await Actions.SetBytesAsync("none", []);

        Assert.Equal((byte[])[0, 255, 7], await Actions.GetBytesAsync("bytes"));
        Assert.Empty((await Actions.GetBytesAsync("none"))!);
        Assert.Null(await Actions.GetBytesAsync("nothing"));
        Assert.Equal("żółw", await Actions.GetAsync<string>("text"));
    }

    [ContractFact]
    public async Task Names_and_keys_may_be_any_text()
    {
        string[] texts = ["a:b", "a", "b", "{x}", "%7B", "*", "?", "[a]", "\uD800", "\uFFFF", "é\u0000", "ключ", "\r\nDEL x", new('x', 1_000)];
        foreach (var (i, name) in texts.Index())
        {
            foreach (var (j, key) in texts.Index())
            {
                await Of(Node, name).SetAsync(key, $"{i} {j}");
            }
        }

        foreach (var (i, name) in texts.Index())
        {
            foreach (var (j, key) in texts.Index())
            {
                Assert.Equal($"{i} {j}", await Of(Node, name).GetAsync<string>(key));
                Assert.True(await Of(Node, name).ExistsAsync(key));
            }
        }

        Assert.True(await Of(Node, "a").RemoveAsync("a:b"));
        Assert.True(await Of(Node, "a:b").ExistsAsync("a"));
    }

    [ContractFact]
    public async Task Counters_are_the_namespaces_own()
    {
        if (Backend.IsShared || GetType() == typeof(InMemoryNamespaceTests))
        {
            await Actions.Counters.IncrementAsync("tries", 2);
            Assert.Equal(2, await Actions.Counters.GetAsync("tries"));
            Assert.Equal(0, await Of(Node, "signup").Counters.GetAsync("tries"));
            Assert.Equal(0, await Actions.InScope(new CacheScope("acme")).Counters.GetAsync("tries"));
        }
    }

    [ContractFact]
    public async Task Entries_are_found_counted_and_removed_by_what_they_belong_to()
    {
        if (!HasIndexes)
        {
            Assert.Throws<NotSupportedException>(() => Actions.GetKeysByIndexAsync("user", "alice"));
            return;
        }

        await Actions.SetAsync("a1", "one", entry => entry.Index("user", "alice").Index("session", "s1"));
        await Actions.SetAsync("a2", "two", entry => entry.Index("user", "alice"));
        await Of(Node, "signup").SetAsync("a3", "three", entry => entry.Index("user", "alice"));

        Assert.Equal(["one", "two"], (await Actions.GetByIndexAsync<string>("user", "alice").ToListAsync()).Select(entry => entry.Value).Order());
        Assert.Equal(["a1"], await Actions.GetKeysByIndexAsync([new CacheIndex("user", "alice"), new CacheIndex("session", "s1")]).ToListAsync());
        Assert.Equal(2, await Actions.CountByIndexAsync("user", "alice"));
        Assert.Equal(2, await Actions.RemoveByIndexAsync("user", "alice"));
        Assert.Equal(1, await Of(Node, "signup").CountByIndexAsync("user", "alice"));
    }

    [ContractFact]
    public async Task Bad_input_is_refused_with_what_it_is()
    {
        var expiration = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await Actions.SetAsync("key", 1, TimeSpan.FromSeconds(-3)));
        var built = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await Actions.SetAsync("key", 1, entry => entry.Expire(TimeSpan.Zero)));
        var index = await Assert.ThrowsAsync<ArgumentException>(async () => await Actions.SetAsync("key", 1, entry => entry.Index(" ", "x")));
        var name = Assert.Throws<InvalidOperationException>(() => Node.Services.GetRequiredKeyedService<CacheNamespace>(42));
        Assert.Throws<ArgumentException>(() => Node.Services.GetRequiredService<ICacheNamespaces>().Get(" "));

        Assert.Contains("-00:00:03", expiration.Message, StringComparison.Ordinal);
        Assert.Contains("00:00:00", built.Message, StringComparison.Ordinal);
        Assert.Contains("' '", index.Message, StringComparison.Ordinal);
        Assert.Contains("'42'", name.Message, StringComparison.Ordinal);
    }

    private protected sealed record Action(string What, int Count);
}

public sealed class InMemoryNamespaceTests : NamespaceContract
{
    private protected override Backend Backend { get; } = Backend.Memory();
}

[NeedsServer(ServerKind.Redis)]
public sealed class RedisNamespaceTests() : ServerNamespaceTests(ServerKind.Redis);

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyNamespaceTests() : ServerNamespaceTests(ServerKind.Valkey);

[NeedsServer(ServerKind.RedisCluster)]
public sealed class RedisClusterNamespaceTests() : ServerNamespaceTests(ServerKind.RedisCluster);

public sealed class PlainNamespaceTests : NamespaceContract
{
    private protected override Backend Backend { get; } = Backend.Plain();

    private protected override bool HasIndexes => false;
}

public sealed class ForeignNamespaceTests : NamespaceContract
{
    private protected override Backend Backend { get; } = Backend.Foreign();

    private protected override bool HasIndexes => false;
}
