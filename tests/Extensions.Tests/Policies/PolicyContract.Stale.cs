using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests.Policies;

public abstract partial class PolicyContract
{
    private static readonly CacheEntryPolicy FailSafe = new()
    {
        Expiration = TimeSpan.FromMinutes(1),
        StaleIfError = TimeSpan.FromMinutes(10),
        StaleIfErrorThrottle = TimeSpan.FromSeconds(30),
    };

    private static readonly CacheEntryPolicy FailSafeAtAnyPrice = new()
    {
        Expiration = TimeSpan.FromMinutes(1),
        StaleIfError = TimeSpan.FromMinutes(10),
        StaleIfErrorServes = StaleValues.Invalidated,
    };

    [ContractFact]
    public async Task A_stale_value_stands_in_for_one_that_cannot_be_loaded_until_its_time_is_over()
    {
        await ReadAsync("key", Value("old"), FailSafe);
        Clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal("old", await ReadAsync("key", Down, FailSafe));

        Clock.Advance(TimeSpan.FromMinutes(8) + TimeSpan.FromSeconds(59));
        Assert.Equal("old", await ReadAsync("key", Down, FailSafe));
        Clock.Advance(TimeSpan.FromSeconds(2));
        await Assert.ThrowsAsync<SourceDownException>(async () => await ReadAsync("key", Down, FailSafe));
    }

    [ContractFact]
    public async Task Without_the_policy_a_failed_load_is_the_callers()
    {
        await ReadAsync("key", Value("old"), new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1) });
        Clock.Advance(TimeSpan.FromMinutes(2));

        await Assert.ThrowsAsync<SourceDownException>(async () => await ReadAsync("key", Down, FailSafe));
    }

    [ContractFact]
    public async Task After_a_failed_load_the_next_is_not_tried_before_its_time()
    {
        await ReadAsync("key", Value("old"), FailSafe);
        Clock.Advance(TimeSpan.FromMinutes(2));
        await ReadAsync("key", Down, FailSafe);
        Assert.Equal(2, Runs);

        Clock.Advance(TimeSpan.FromSeconds(29));
        Assert.Equal("old", await ReadAsync("key", Value("new"), FailSafe));
        Assert.Equal(2, Runs);
        Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal("new", await ReadAsync("key", Value("new"), FailSafe));
        Assert.Equal("new", await ReadAsync("key", Value("unused"), FailSafe));
        Assert.Equal(3, Runs);
    }

    [ContractFact]
    public async Task A_factory_says_that_it_failed_without_throwing()
    {
        await ReadAsync("key", Value("old"), FailSafe);
        Clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal("old", await ReadAsync("key", Failing, FailSafe));

        var failure = await Assert.ThrowsAsync<CacheLoadException>(async () => await ReadAsync("other", Failing, FailSafe));
        Assert.Equal("the source is closed", failure.Message);

        static ValueTask<string?> Failing(CacheEntryContext entry, CancellationToken token)
        {
            entry.Fail("the source is closed");
            return new ValueTask<string?>("not to be looked at");
        }
    }

    [ContractFact]
    public async Task What_was_invalidated_does_not_stand_in()
    {
        await ReadAsync("by tag", Value("old"), FailSafe, ["tag"]);
        await ReadAsync("by key", Value("old"), FailSafe);
        await ReadAsync("by everything", Value("old"), FailSafe);
        await Cache.RemoveByTagAsync("tag");
        await Cache.RemoveAsync("by key");
        await Assert.ThrowsAsync<SourceDownException>(async () => await ReadAsync("by tag", Down, FailSafe, ["tag"]));
        await Assert.ThrowsAsync<SourceDownException>(async () => await ReadAsync("by key", Down, FailSafe));

        await Cache.RemoveByTagAsync("*");
        await Assert.ThrowsAsync<SourceDownException>(async () => await ReadAsync("by everything", Down, FailSafe));
        Clock.Advance(TimeSpan.FromMinutes(2));
        await Assert.ThrowsAsync<SourceDownException>(async () => await ReadAsync("by everything", Down, FailSafe));
    }

    [ContractFact]
    public async Task What_is_invalidated_while_the_load_fails_does_not_stand_in()
    {
        await ReadAsync("tagged", Value("old"), FailSafe, ["tag"]);
        await ReadAsync("keyed", Value("old"), FailSafe);
        Clock.Advance(TimeSpan.FromMinutes(2));

        await Assert.ThrowsAsync<SourceDownException>(async () => await ReadAsync("tagged", async (_, _) =>
        {
            await Cache.RemoveByTagAsync("tag", CancellationToken.None);
            throw new SourceDownException();
        }, FailSafe, ["tag"]));
        await Assert.ThrowsAsync<SourceDownException>(async () => await ReadAsync("keyed", async (_, _) =>
        {
            await Cache.RemoveAsync("keyed", CancellationToken.None);
            throw new SourceDownException();
        }, FailSafe));
    }

    [ContractFact]
    public async Task What_is_set_while_the_load_fails_is_served()
    {
        await ReadAsync("key", Value("old"), FailSafe);
        Clock.Advance(TimeSpan.FromMinutes(2));
        string? served = null;
        var failure = await Record.ExceptionAsync(async () => served = await ReadAsync("key", async (_, _) =>
        {
            await Cache.SetAsync("key", "set", cancellationToken: CancellationToken.None);
            throw new SourceDownException();
        }, FailSafe));

        // A cache that keeps its values elsewhere need not look there once more.
        Assert.True(failure is SourceDownException || served == "set");
        Assert.Equal("set", await ReadAsync("key", Value("unused"), FailSafe));
    }

    [ContractFact]
    public async Task What_was_invalidated_stands_in_if_asked_for_but_not_what_was_removed_by_its_key()
    {
        await ReadAsync("by tag", Value("old"), FailSafeAtAnyPrice, ["tag"]);
        await ReadAsync("by key", Value("old"), FailSafeAtAnyPrice);
        await Cache.RemoveByTagAsync("tag");
        await Cache.RemoveAsync("by key");

        Assert.Equal("old", await ReadAsync("by tag", Down, FailSafeAtAnyPrice, ["tag"]));
        await Assert.ThrowsAsync<SourceDownException>(async () => await ReadAsync("by key", Down, FailSafeAtAnyPrice));

        // It stands in; it is not in the cache.
        Assert.Equal(CacheResultKind.Missing, (await Cache.TryGetAsync<string>("by tag")).Kind);
        Clock.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal("new", await ReadAsync("by tag", Value("new"), FailSafeAtAnyPrice, ["tag"]));
    }

    [ContractFact]
    public async Task A_stale_value_that_another_node_loaded_stands_in()
    {
        if (!Backend.IsShared)
        {
            return;
        }

        await ReadAsync("key", Value("old"), FailSafe);
        var other = await StartAsync(null);
        Clock.Advance(TimeSpan.FromMinutes(2));

        Assert.Equal("old", await other.Cache.GetOrCreateAsync("key", Down, FailSafe));
        Assert.Equal("old", await other.Cache.GetOrCreateAsync("key", Down, FailSafe));
    }

    [ContractFact]
    public async Task What_another_node_invalidated_does_not_stand_in()
    {
        if (!Backend.IsShared)
        {
            return;
        }

        await ReadAsync("by tag", Value("old"), FailSafe, ["tag"]);
        await ReadAsync("by key", Value("old"), FailSafe);
        var other = await StartAsync(null);
        await other.Cache.RemoveByTagAsync("tag");
        await other.Cache.RemoveAsync("by key");

        // Moved last: what would end this node's doubt again comes behind what the other node has said. So it has heard of that, or asks the server.
        Clock.Advance(TimeSpan.FromMinutes(2));
        await Assert.ThrowsAsync<SourceDownException>(async () => await ReadAsync("by tag", Down, FailSafe, ["tag"]));
        await Assert.ThrowsAsync<SourceDownException>(async () => await ReadAsync("by key", Down, FailSafe));
    }

    [ContractFact]
    public async Task A_stale_value_of_one_tenant_does_not_stand_in_for_another()
    {
        await Cache.InScope(Acme).GetOrCreateAsync("key", Value("acme's"), FailSafeAtAnyPrice);
        Clock.Advance(TimeSpan.FromMinutes(2));

        await Assert.ThrowsAsync<SourceDownException>(async () => await ReadAsync("key", Down, FailSafeAtAnyPrice));
        await Assert.ThrowsAsync<SourceDownException>(async () => await Cache.InScope(new CacheScope("globex")).GetOrCreateAsync("key", Down, FailSafeAtAnyPrice));
        Assert.Equal("acme's", await Cache.InScope(Acme).GetOrCreateAsync("key", Down, FailSafeAtAnyPrice));
    }

    [ContractFact]
    public async Task Not_found_does_not_stand_in()
    {
        await ReadAsync("key", (entry, _) => NotFound(entry), FailSafe);
        Clock.Advance(TimeSpan.FromMinutes(2));

        await Assert.ThrowsAsync<SourceDownException>(async () => await ReadAsync("key", Down, FailSafe));
    }

    [ContractFact]
    public async Task A_mutable_stale_value_is_a_copy_for_each_caller()
    {
        await Cache.GetOrCreateAsync("key", (_, _) => new ValueTask<List<int>>([1, 2]), FailSafe);
        Clock.Advance(TimeSpan.FromMinutes(2));
        var first = await ReadDownAsync();
        first.Add(3);

        Assert.Equal([1, 2], await ReadDownAsync());

        ValueTask<List<int>> ReadDownAsync() => Cache.GetOrCreateAsync<List<int>>("key", (_, _) => throw new SourceDownException(), FailSafe);
    }

    [ContractFact]
    public async Task A_look_without_a_factory_does_not_find_what_has_expired()
    {
        await ReadAsync("key", Value("old"), FailSafe);
        Clock.Advance(TimeSpan.FromMinutes(2));

        Assert.Equal(CacheResultKind.Missing, (await Cache.TryGetAsync<string>("key")).Kind);
    }

    [ContractFact]
    public async Task A_factory_says_how_long_its_value_may_stand_in()
    {
        var policy = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(1) };
        await ReadAsync("key", (entry, _) =>
        {
            entry.StaleIfError = TimeSpan.FromMinutes(5);
            return new ValueTask<string?>("old");
        }, policy);
        Clock.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal("old", await ReadAsync("key", Down, policy));
        Clock.Advance(TimeSpan.FromMinutes(2));
        await Assert.ThrowsAsync<SourceDownException>(async () => await ReadAsync("key", Down, policy));
    }

    [ContractFact]
    public async Task A_namespace_has_a_fail_safe_of_its_own_that_plain_calls_get()
    {
        var node = await StartAsync(options => options.Namespaces["users"] = new NamespaceOptions
        {
            DefaultExpiration = TimeSpan.FromMinutes(1),
            StaleIfError = TimeSpan.FromMinutes(10),
        });
        var users = node.Cache.InScope(CacheScope.Shared("users"));
        await users.GetOrCreateAsync("key", _ => new ValueTask<string>("old"));
        await node.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("old"), new HybridCacheEntryOptions { Expiration = TimeSpan.FromMinutes(1) });
        Clock.Advance(TimeSpan.FromMinutes(2));

        Assert.Equal("old", await users.GetOrCreateAsync<string>("key", _ => throw new SourceDownException()));
        await Assert.ThrowsAsync<SourceDownException>(async () => await node.Cache.GetOrCreateAsync<string>("key", _ => throw new SourceDownException()));
    }

    [ContractFact]
    public async Task Callers_who_have_left_are_not_stood_in_for()
    {
        await ReadAsync("key", Value("old"), FailSafe);
        Clock.Advance(TimeSpan.FromMinutes(2));
        using var leaving = new CancellationTokenSource();
        var gate = new GatedFactory<string?>();
        var read = Cache.GetOrCreateAsync("key", (_, token) => gate.LoadAsync(token), FailSafe, cancellationToken: leaving.Token).AsTask();
        await gate.Started;
        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
        gate.Fail(new SourceDownException());
    }

    private static Func<CacheEntryContext, CancellationToken, ValueTask<string?>> Value(string value) => (_, _) => new ValueTask<string?>(value);

    private static ValueTask<string?> Down(CacheEntryContext entry, CancellationToken token) => throw new SourceDownException();

    private sealed class SourceDownException() : Exception("The source is down.");
}
