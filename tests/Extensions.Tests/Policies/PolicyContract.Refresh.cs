using System.Diagnostics;
using Larder.Tests.Shared;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Policies;

public abstract partial class PolicyContract
{
    private static readonly CacheEntryPolicy Early = new()
    {
        Expiration = TimeSpan.FromMinutes(10),
        EarlyRefreshThreshold = 0.8,
        StaleIfErrorThrottle = TimeSpan.FromSeconds(20),
    };

    private static readonly CacheEntryPolicy Revalidated = new()
    {
        Expiration = TimeSpan.FromMinutes(1),
        StaleWhileRevalidate = TimeSpan.FromMinutes(10),
        StaleIfErrorThrottle = TimeSpan.FromSeconds(20),
    };

    [ContractFact]
    public async Task A_read_late_in_an_entrys_life_starts_one_load_and_nobody_waits()
    {
        await ReadAsync("key", Value("old"), Early);
        Clock.Advance(TimeSpan.FromMinutes(7));
        Assert.Equal("old", await ReadAsync("key", Value("unused"), Early));
        Assert.Equal(1, Runs);

        Clock.Advance(TimeSpan.FromMinutes(2));
        var gate = new GatedFactory<string?>();
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal("old", await ReadAsync("key", (_, token) => gate.LoadAsync(token), Early));
        }

        await gate.Started;
        gate.Answer("new");
        await UntilAsync("key", "new");
        Assert.Equal(1, gate.Calls);

        // A life of its own.
        Clock.Advance(TimeSpan.FromMinutes(7));
        Assert.Equal("new", await ReadAsync("key", Value("unused"), Early));
        Assert.Equal(2, Runs);
    }

    [ContractFact]
    public async Task A_time_before_the_end_says_the_same_and_the_earlier_counts()
    {
        await ReadAsync("key", Value("old"), new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(10), EarlyRefreshThreshold = 0.9, EarlyRefreshBefore = TimeSpan.FromMinutes(3) });
        var same = new CacheEntryPolicy { Expiration = TimeSpan.FromMinutes(10), EarlyRefreshThreshold = 0.9, EarlyRefreshBefore = TimeSpan.FromMinutes(3) };
        Clock.Advance(TimeSpan.FromMinutes(6.5));
        Assert.Equal("old", await ReadAsync("key", Value("new"), same));
        Assert.Equal(1, Runs);
        Clock.Advance(TimeSpan.FromMinutes(1));
        await ReadAsync("key", Value("new"), same);
        await UntilAsync("key", "new");
    }

    [ContractFact]
    public async Task A_refresh_that_fails_leaves_the_value_and_is_not_tried_again_at_once()
    {
        await ReadAsync("key", Value("old"), Early);
        Clock.Advance(TimeSpan.FromMinutes(9));
        Assert.Equal("old", await ReadAsync("key", Down, Early));
        await SettleAsync();
        Assert.Equal(2, Runs);

        Assert.Equal("old", await ReadAsync("key", Down, Early));
        await SettleAsync();
        Assert.Equal(2, Runs);
        Clock.Advance(TimeSpan.FromSeconds(21));
        Assert.Equal("old", await ReadAsync("key", Value("new"), Early));
        await UntilAsync("key", "new");
    }

    [ContractFact]
    public async Task A_value_is_served_while_it_is_revalidated_and_no_longer()
    {
        await ReadAsync("key", Value("old"), Revalidated);
        Clock.Advance(TimeSpan.FromMinutes(5));
        var gate = new GatedFactory<string?>();
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal("old", await ReadAsync("key", (_, token) => gate.LoadAsync(token), Revalidated));
        }

        await gate.Started;
        gate.Answer("new");
        await UntilAsync("key", "new");
        Assert.Equal(1, gate.Calls);

        Clock.Advance(TimeSpan.FromMinutes(12));
        Assert.Equal("newer", await ReadAsync("key", Value("newer"), Revalidated));
    }

    [ContractFact]
    public async Task A_load_in_the_background_does_not_undo_an_invalidation()
    {
        await ReadAsync("by key", Value("old"), Early);
        await ReadAsync("by tag", Value("old"), Early, ["tag"]);
        Clock.Advance(TimeSpan.FromMinutes(9));
        var (first, second) = (new GatedFactory<string?>(), new GatedFactory<string?>());
        await ReadAsync("by key", (_, token) => first.LoadAsync(token), Early);
        await ReadAsync("by tag", (_, token) => second.LoadAsync(token), Early, ["tag"]);
        await first.Started;
        await second.Started;
        await Cache.RemoveAsync("by key");
        await Cache.RemoveByTagAsync("tag");
        first.Answer("read before the change");
        second.Answer("read before the change");
        await SettleAsync();

        Assert.Equal(CacheResultKind.Missing, (await Cache.TryGetAsync<string>("by key")).Kind);
        Assert.Equal(CacheResultKind.Missing, (await Cache.TryGetAsync<string>("by tag")).Kind);
        Assert.Equal("new", await ReadAsync("by tag", Value("new"), Early, ["tag"]));
    }

    [ContractFact]
    public async Task An_invalidated_value_is_not_served_while_it_is_revalidated()
    {
        await ReadAsync("key", Value("old"), Revalidated, ["tag"]);
        Clock.Advance(TimeSpan.FromMinutes(5));
        await Cache.RemoveByTagAsync("tag");

        Assert.Equal("new", await ReadAsync("key", Value("new"), Revalidated, ["tag"]));
    }

    [ContractFact]
    public async Task A_load_in_the_background_has_the_callers_scope_and_trace_and_services_of_its_own()
    {
        var node = await StartAsync(null);
        CacheEntryContext? context = null;
        (CacheScope? Ambient, Activity? Activity, object? First, object? Second, bool Background) seen = default;
        using (CacheScope.Use(Acme))
        using (var activity = new Activity("request").Start())
        {
            await node.Cache.GetOrCreateAsync("key", Value("old"), Early);
            Clock.Advance(TimeSpan.FromMinutes(9));
            await node.Cache.GetOrCreateAsync("key", (entry, _) =>
            {
                context = entry;
                seen = (CacheScope.Current, Activity.Current, entry.Services.GetRequiredService<IServiceScopeFactory>(), entry.Services, entry.IsBackground);
                return new ValueTask<string?>("new");
            }, Early);
            await SettleAsync(node);
            Assert.Same(activity, seen.Activity);
        }

        Assert.True(seen.Background);
        Assert.Equal(Acme, seen.Ambient);
        Assert.Equal(Acme, context!.Scope);
        Assert.NotSame(node.Services, seen.Second);

        // Given back when the factory had ended.
        Assert.Throws<ObjectDisposedException>(() => ((IServiceProvider)seen.Second!).GetService(typeof(IServiceScopeFactory)));
    }

    [ContractFact]
    public async Task Loads_in_the_background_are_bounded_and_nobody_waits_for_a_place()
    {
        var node = await StartAsync(options => options.MaximumBackgroundLoads = 2);
        for (var i = 0; i < 5; i++)
        {
            await node.Cache.GetOrCreateAsync($"{i}", Value("old"), Early);
        }

        Clock.Advance(TimeSpan.FromMinutes(9));
        var gate = new GatedFactory<string?>();
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal("old", await node.Cache.GetOrCreateAsync($"{i}", (_, token) => gate.LoadAsync(token), Early));
        }

        await Poll.UntilAsync(() => gate.Calls == 2, "two loads run");
        Assert.Equal(2, node.Engine!.RefreshCount);
        gate.Answer("new");
        await SettleAsync(node);
        Assert.Equal(2, gate.Calls);
    }

    [ContractFact]
    public async Task One_node_refreshes_for_all()
    {
        if (!Backend.IsShared)
        {
            return;
        }

        var nodes = new[] { Node, await StartAsync(null), await StartAsync(null) };
        var runs = 0;
        foreach (var node in nodes)
        {
            Assert.Equal("old", await node.Cache.GetOrCreateAsync("key", Value("old"), Early));
        }

        Clock.Advance(TimeSpan.FromMinutes(9));
        foreach (var node in nodes)
        {
            // A node that comes later may find what the first has stored.
            Assert.Contains(await node.Cache.GetOrCreateAsync("key", Counted, Early), new[] { "old", "new" });
        }

        foreach (var node in nodes)
        {
            await SettleAsync(node);
            Assert.Equal("new", await node.Cache.GetOrCreateAsync("key", Counted, Early));
        }

        Assert.Equal(1, runs);

        async ValueTask<string?> Counted(CacheEntryContext entry, CancellationToken token)
        {
            Interlocked.Increment(ref runs);
            await Task.Yield();
            return "new";
        }
    }

    [ContractFact]
    public async Task A_refresh_may_find_that_there_is_nothing_any_more()
    {
        await ReadAsync("key", Value("old"), Early);
        Clock.Advance(TimeSpan.FromMinutes(9));
        await ReadAsync("key", (entry, _) => NotFound(entry), Early);
        await SettleAsync();

        Assert.Equal(CacheResultKind.NotFound, (await Cache.TryGetAsync<string>("key")).Kind);
    }

    [ContractFact]
    public async Task A_key_is_removed_and_loaded_again_in_one_call()
    {
        await ReadAsync("key", Value("old"));
        Assert.Equal("new", await Cache.RecacheAsync("key", Value("new"), tags: ["tag"]));

        Assert.Equal("new", await ReadAsync("key", Value("unused")));
        await Cache.RemoveByTagAsync("tag");
        Assert.Equal("newer", await ReadAsync("key", Value("newer")));
    }

    private async Task SettleAsync(CacheNode? node = null) =>
        await Poll.UntilAsync(() => (node ?? Node).Engine!.RefreshCount == 0, "no load runs in the background");

    private async Task UntilAsync(string key, string expected) =>
        await Poll.UntilAsync(async () => (await Cache.TryGetAsync<string>(key)).Value == expected, $"{key} is {expected}");
}
