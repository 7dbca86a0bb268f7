using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests.Policies;

/// <summary>What a factory, a call, a namespace and the options may decide about an entry, over every back end.</summary>
public abstract partial class PolicyContract : LarderContract
{
    private static readonly CacheScope Acme = new("acme");

    private int _runs;

    private int Runs => Volatile.Read(ref _runs);

    [ContractFact]
    public async Task What_is_not_found_is_remembered_for_its_own_short_time()
    {
        await ReadAsync("missing", (entry, _) => NotFound(entry));
        Assert.Null(await ReadAsync("missing", (entry, _) => NotFound(entry)));
        Assert.Equal(1, Runs);

        Clock.Advance(TimeSpan.FromSeconds(31));
        await ReadAsync("missing", (entry, _) => NotFound(entry));
        Assert.Equal(2, Runs);
    }

    [ContractFact]
    public async Task A_look_tells_not_found_from_missing_from_found_and_from_null()
    {
        await ReadAsync("negative", (entry, _) => NotFound(entry));
        await ReadAsync("value", (_, _) => new ValueTask<string?>("value"));
        await ReadAsync("null", (_, _) => new ValueTask<string?>((string?)null), new CacheEntryPolicy { NullIsNotFound = false });

        Assert.Equal(CacheResultKind.Missing, (await Cache.TryGetAsync<string>("never read")).Kind);
        Assert.Equal(CacheResultKind.NotFound, (await Cache.TryGetAsync<string>("negative")).Kind);
        Assert.Equal(new CacheResult<string>(CacheResultKind.Found, "value"), await Cache.TryGetAsync<string>("value"));
        Assert.Equal(new CacheResult<string>(CacheResultKind.Found, null), await Cache.TryGetAsync<string>("null"));
    }

    [ContractFact]
    public async Task A_null_from_a_plain_factory_means_not_found()
    {
        Assert.Null(await Cache.GetOrCreateAsync("null", _ => new ValueTask<string?>((string?)null)));

        Assert.Equal(CacheResultKind.NotFound, (await Cache.TryGetAsync<string>("null")).Kind);
    }

    [ContractFact]
    public async Task A_call_says_how_long_not_found_is_remembered_and_its_factory_says_it_last()
    {
        var policy = new CacheEntryPolicy { NotFoundExpiration = TimeSpan.FromSeconds(100) };
        await ReadAsync("by the call", (entry, _) => NotFound(entry), policy);
        await ReadAsync("by the factory", (entry, _) => NotFound(entry, TimeSpan.FromSeconds(10)), policy);
        Clock.Advance(TimeSpan.FromSeconds(60));

        Assert.Equal(CacheResultKind.NotFound, (await Cache.TryGetAsync<string>("by the call")).Kind);
        Assert.Equal(CacheResultKind.Missing, (await Cache.TryGetAsync<string>("by the factory")).Kind);
    }

    [ContractFact]
    public async Task Not_found_ends_when_a_tag_it_carries_is_removed()
    {
        await ReadAsync("user:7", (entry, _) => NotFound(entry), tags: ["users"]);
        await Cache.RemoveByTagAsync("users");

        Assert.Equal(CacheResultKind.Missing, (await Cache.TryGetAsync<string>("user:7")).Kind);
        Assert.Equal("Alice", await ReadAsync("user:7", (_, _) => new ValueTask<string?>("Alice"), tags: ["users"]));
    }

    [ContractFact]
    public async Task Not_found_of_one_tenant_is_not_that_of_another()
    {
        await Cache.InScope(Acme).GetOrCreateAsync("key", (entry, _) => NotFound(entry));

        Assert.Equal(CacheResultKind.Missing, (await Cache.TryGetAsync<string>("key")).Kind);
        Assert.Equal(CacheResultKind.NotFound, (await Cache.InScope(Acme).TryGetAsync<string>("key")).Kind);
    }

    [ContractFact]
    public async Task A_factory_says_how_long_its_value_lives()
    {
        await ReadAsync("key", (entry, _) =>
        {
            entry.Expiration = TimeSpan.FromSeconds(10);
            return new ValueTask<string?>("value");
        });
        Clock.Advance(TimeSpan.FromSeconds(9));
        Assert.True((await Cache.TryGetAsync<string>("key")).IsFound);
        Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.False((await Cache.TryGetAsync<string>("key")).IsFound);
    }

    [ContractFact]
    public async Task A_factory_may_keep_its_value_out_of_the_cache()
    {
        Func<CacheEntryContext, CancellationToken, ValueTask<string?>> factory = (entry, _) =>
        {
            entry.DoNotStore();
            return new ValueTask<string?>("value");
        };

        Assert.Equal("value", await ReadAsync("key", factory));
        Assert.Equal("value", await ReadAsync("key", factory));
        Assert.Equal(2, Runs);
    }

    [ContractFact]
    public async Task A_tag_that_the_factory_adds_invalidates_the_entry()
    {
        await ReadAsync("key", (entry, _) => Tagged(entry, "late", "first"), tags: ["early"]);
        Assert.True((await Cache.TryGetAsync<string>("key")).IsFound);
        await Cache.RemoveByTagAsync("late");
        Assert.False((await Cache.TryGetAsync<string>("key")).IsFound);

        await ReadAsync("key", (entry, _) => Tagged(entry, "late", "second"), tags: ["early"]);
        await Cache.RemoveByTagAsync("early");
        Assert.False((await Cache.TryGetAsync<string>("key")).IsFound);
    }

    [ContractFact]
    public async Task A_tag_that_is_removed_while_the_factory_comes_to_add_it_leaves_nothing_behind()
    {
        var old = await ReadAsync("key", async (entry, _) =>
        {
            // The value is read, then the world changes and says so, then the factory names the tag.
            await Cache.RemoveByTagAsync("late", CancellationToken.None);
            return await Tagged(entry, "late", "old");
        });
        Assert.Equal("old", old);

        Assert.Equal("new", await ReadAsync("key", (entry, _) => Tagged(entry, "late", "new")));
        Assert.Equal("new", await ReadAsync("key", (entry, _) => Tagged(entry, "late", "unused")));
    }

    [ContractFact]
    public async Task A_late_tag_that_another_node_removes_during_the_load_leaves_nothing_behind()
    {
        if (!Backend.IsShared)
        {
            return;
        }

        var other = await StartAsync(null);
        await ReadAsync("key", async (entry, _) =>
        {
            await other.Cache.RemoveByTagAsync("late", CancellationToken.None);
            return await Tagged(entry, "late", "old");
        });

        Assert.False((await other.Cache.TryGetAsync<string>("key")).IsFound);
        Assert.Equal("new", await ReadAsync("key", (entry, _) => Tagged(entry, "late", "new")));
    }

    [ContractFact]
    public async Task What_does_not_pass_validation_is_returned_and_not_stored()
    {
        var policy = new CacheEntryPolicy { Validate = value => value is string { Length: > 3 } };

        Assert.Equal("bad", await ReadAsync("key", (_, _) => new ValueTask<string?>("bad"), policy));
        Assert.False((await Cache.TryGetAsync<string>("key")).IsFound);
        Assert.Equal("good enough", await ReadAsync("key", (_, _) => new ValueTask<string?>("good enough"), policy));
        Assert.True((await Cache.TryGetAsync<string>("key")).IsFound);
    }

    [ContractFact]
    public async Task A_namespace_has_policies_of_its_own_which_a_call_overrides()
    {
        var node = await StartAsync(options => options.Namespaces["users"] = new NamespaceOptions
        {
            NotFoundExpiration = TimeSpan.FromSeconds(5),
            NullIsNotFound = true,
            Validate = value => !Equals(value, "bad"),
        });
        var users = node.Cache.InScope(CacheScope.Shared("users"));
        await users.GetOrCreateAsync("missing", _ => new ValueTask<string?>((string?)null));
        await users.GetOrCreateAsync("longer", (_, _) => new ValueTask<string?>((string?)null), new CacheEntryPolicy { NotFoundExpiration = TimeSpan.FromSeconds(20) });
        await users.GetOrCreateAsync("bad", _ => new ValueTask<string?>("bad"));
        Assert.Equal(CacheResultKind.Missing, (await users.TryGetAsync<string>("bad")).Kind);

        Clock.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal(CacheResultKind.Missing, (await users.TryGetAsync<string>("missing")).Kind);
        Assert.Equal(CacheResultKind.NotFound, (await users.TryGetAsync<string>("longer")).Kind);
    }

    [ContractFact]
    public async Task Jitter_spreads_expirations_within_its_share()
    {
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromSeconds(1000), Jitter = 0.1 };
        for (var i = 0; i < 64; i++)
        {
            await ReadAsync($"{i}", (_, _) => new ValueTask<string?>("value"), policy);
        }

        Clock.Advance(TimeSpan.FromSeconds(899));
        Assert.Equal(64, await CountAsync());
        Clock.Advance(TimeSpan.FromSeconds(101));

        // All on one side of the middle would be a chance of one in 2^63.
        Assert.InRange(await CountAsync(), 1, 63);
        Clock.Advance(TimeSpan.FromSeconds(101));
        Assert.Equal(0, await CountAsync());

        async Task<int> CountAsync()
        {
            var found = 0;
            for (var i = 0; i < 64; i++)
            {
                found += (await Cache.TryGetAsync<string>($"{i}")).IsFound ? 1 : 0;
            }

            return found;
        }
    }

    [ContractFact]
    public async Task A_look_runs_no_factory_and_leaves_what_another_node_stored_in_memory()
    {
        if (!Backend.IsShared)
        {
            return;
        }

        var other = await StartAsync(null);
        await other.Cache.SetAsync("key", "value");

        // The message about the write may come after the first look, and take away again what that look has left.
        await Poll.UntilAsync(
            async () => (await Cache.TryGetAsync<string>("key")).IsFound && await ReadMemoryAsync() == "value",
            "the value is in memory");

        ValueTask<string?> ReadMemoryAsync() => Cache.GetOrCreateAsync<string?>(
            "key",
            _ => throw new InvalidOperationException("not to be run"),
            new HybridCacheEntryOptions { Flags = HybridCacheEntryFlags.DisableDistributedCache | HybridCacheEntryFlags.DisableUnderlyingData });
    }

    [ContractFact]
    public async Task Policies_out_of_range_are_refused_with_their_value()
    {
        var jitter = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await ReadAsync("key", (_, _) => default, new CacheEntryPolicy { Jitter = 0.7 }));
        var notFound = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await ReadAsync("key", (_, _) => default, new CacheEntryPolicy { NotFoundExpiration = TimeSpan.Zero }));

        Assert.Equal(0.7, jitter.ActualValue);
        Assert.Equal(TimeSpan.Zero, notFound.ActualValue);
    }

    private static ValueTask<string?> NotFound(CacheEntryContext entry, TimeSpan? expiration = null)
    {
        entry.NotFound(expiration);
        return new ValueTask<string?>((string?)null);
    }

    private static ValueTask<string?> Tagged(CacheEntryContext entry, string tag, string value)
    {
        entry.Tags.Add(tag);
        return new ValueTask<string?>(value);
    }

    private ValueTask<string?> ReadAsync(
        string key, Func<CacheEntryContext, CancellationToken, ValueTask<string?>> factory, CacheEntryPolicy? policy = null, IEnumerable<string>? tags = null) =>
        Cache.GetOrCreateAsync(key, (entry, token) =>
        {
            Interlocked.Increment(ref _runs);
            return factory(entry, token);
        }, policy, tags);
}

public sealed class InMemoryPolicyTests : PolicyContract
{
    private protected override Backend Backend { get; } = Backend.Memory();
}

public sealed class PlainDistributedPolicyTests : PolicyContract
{
    private protected override Backend Backend { get; } = Backend.Plain();
}

public sealed class ForeignPolicyTests : PolicyContract
{
    private protected override Backend Backend { get; } = Backend.Foreign();
}

[NeedsServer(ServerKind.Redis)]
public sealed class RedisPolicyTests : PolicyContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.Redis);
}

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyPolicyTests : PolicyContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.Valkey);
}

[NeedsServer(ServerKind.RedisCluster)]
public sealed class RedisClusterPolicyTests : PolicyContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.RedisCluster);
}
