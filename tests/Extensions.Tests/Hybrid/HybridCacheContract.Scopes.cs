using System.Diagnostics;
using Larder.Tests.Scopes;
using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests.Hybrid;

public abstract partial class HybridCacheContract
{
    /// <summary>Scopes that a careless composition would mix up.</summary>
    private static readonly CacheScope[] LookAlikes =
    [
        CacheScope.Raw, new(""), new("t"), new("t."), new(null, ""), new(null, null, ""), new("a"), new("A"), new("a", "b"), new("a:p.b"), new("a", "b", "c"), new("a", null, "b"),
        new("a", "b:n.c"), new("a%3Ap.b"), new("{a}"), new("a\0"), new("\uD800"), new("\uFFFD"), new(new string('x', 200) + "1"), new(new string('x', 200) + "2"),
    ];

    /// <summary>Whether the cache knows scopes.</summary>
    protected virtual bool HasScopes => true;

    /// <summary>The application's prefix, as it stands in front of physical keys.</summary>
    protected string Prefix => _prefix;

    /// <summary>Copies what is stored under one physical key to another, past the cache. False where nothing is stored outside.</summary>
    protected virtual Task<bool> CopyStoredAsync(string from, string to) => Task.FromResult(false);

    [ContractFact]
    public async Task The_same_key_in_two_scopes_has_two_values()
    {
        if (!HasScopes)
        {
            return;
        }

        for (var i = 0; i < LookAlikes.Length; i++)
        {
            var source = new CountedFactory<int>(i);
            await source.ReadAsync(Cache.InScope(LookAlikes[i]), "key", tags: ["tag"]);
            Assert.Equal(1, source.Calls);
        }

        var other = await StartNodeAsync();
        for (var i = 0; i < LookAlikes.Length; i++)
        {
            Assert.Equal(i, await new CountedFactory<int>(i).ReadAsync(Cache.InScope(LookAlikes[i]), "key"));
            Assert.Equal(IsShared ? i : 0, await PeekAsync<int>(other.Cache.InScope(LookAlikes[i]), "key"));
        }
    }

    [ContractFact]
    public async Task A_key_or_tag_removed_in_one_scope_stays_in_all_others()
    {
        if (!HasScopes)
        {
            return;
        }

        Func<CacheScope, ValueTask>[] removals =
        [
            scope => Cache.InScope(scope).RemoveAsync("key"),
            scope => Cache.InScope(scope).RemoveByTagAsync("tag"),
            scope => Cache.InScope(scope).RemoveByTagAsync("*"),
        ];
        for (var i = 0; i < LookAlikes.Length; i++)
        {
            foreach (var scope in LookAlikes)
            {
                await Cache.InScope(scope).SetAsync("key", 1, tags: ["tag"]);
            }

            await removals[i % removals.Length](LookAlikes[i]);
            for (var j = 0; j < LookAlikes.Length; j++)
            {
                Assert.Equal(i == j ? 0 : 1, await PeekAsync<int>(Cache.InScope(LookAlikes[j]), "key"));
            }
        }
    }

    [ContractFact]
    public async Task The_cache_follows_the_ambient_scope_and_a_view_does_not()
    {
        if (!HasScopes)
        {
            return;
        }

        var view = Cache.InScope(new CacheScope("view"));
        using (CacheScope.Use(new CacheScope("ambient")))
        {
            await Cache.SetAsync("key", 1);
            await view.SetAsync("key", 2);
        }

        Assert.Equal(0, await PeekAsync<int>(Cache, "key"));
        Assert.Equal(1, await PeekAsync<int>(Cache.InScope(new CacheScope("ambient")), "key"));
        Assert.Equal(2, await PeekAsync<int>(view, "key"));
        using (CacheScope.Use(new CacheScope("ambient")))
        {
            Assert.Equal(1, await PeekAsync<int>(Cache, "key"));
            Assert.Equal(2, await PeekAsync<int>(view, "key"));
        }
    }

    [ContractTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_factory_runs_in_the_scope_and_the_trace_of_its_caller(bool cancellable)
    {
        if (!HasScopes)
        {
            return;
        }

        using var cancellation = new CancellationTokenSource();
        var token = cancellable ? cancellation.Token : CancellationToken.None;
        using var activity = new Activity("caller").Start();
        var scope = new CacheScope("acme", "web", "users");
        using var usage = CacheScope.Use(scope);
        (CacheScope Scope, Activity? Activity) inside = default;

        // Cold, so that stamps and value are asked for at the second level before the factory runs.
        await Cache.GetOrCreateAsync(
            "key",
            async _ =>
            {
                await Task.Yield();
                inside = (CacheScope.Current, Activity.Current);
                return 1;
            },
            tags: ["tag"],
            cancellationToken: token);

        Assert.Same(scope, inside.Scope);
        Assert.Same(activity, inside.Activity);
        Assert.Same(scope, CacheScope.Current);
        Assert.Same(activity, Activity.Current);
    }

    [ContractFact]
    public async Task A_stored_value_copied_under_another_tenants_key_is_a_miss()
    {
        var mine = new CacheScope("mine");
        if (!HasScopes || !await StoreAsync())
        {
            return;
        }

        var source = new CountedFactory<string>("loaded");
        var fresh = await StartNodeAsync();
        Assert.Equal("loaded", await source.ReadAsync(fresh.Cache.InScope(mine), "key"));
        Assert.Equal("loaded", await source.ReadAsync(fresh.Cache.InScope(mine), "key"));
        Assert.Equal(1, source.Calls);

        async Task<bool> StoreAsync()
        {
            await Cache.InScope(new CacheScope("theirs")).SetAsync("key", "their secret");
            return await CopyStoredAsync(
                new KeyTuple(Prefix, "v1", "theirs", null, null, "key").PhysicalKey,
                new KeyTuple(Prefix, "v1", "mine", null, null, "key").PhysicalKey);
        }
    }
}
