using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Notifications;

/// <summary>What leaves memory and what is invalidated is told, here and on other nodes.</summary>
public abstract class NotificationContract : LarderContract
{
    private protected static readonly CacheScope Acme = new("acme", "web", "users");

    private protected static ICacheNotifications Notifications(CacheNode node) => node.Services.GetRequiredService<ICacheNotifications>();

    [ContractFact]
    public async Task Each_entry_that_leaves_memory_is_told_with_its_reason()
    {
        var told = new Told<CacheEviction>();
        using var subscription = Notifications(Node).OnEviction(told.Add);
        var cache = Cache.InScope(Acme);
        await cache.SetAsync("removed", 1);
        await cache.RemoveAsync("removed");
        await cache.SetAsync("replaced", 1);
        await cache.SetAsync("replaced", 2);
        await cache.SetAsync("invalidated", 1, tags: ["tag"]);
        await cache.RemoveByTagAsync("tag");
        await cache.GetOrCreateAsync("invalidated", _ => new ValueTask<int>(2));
        await cache.SetAsync("expired", 1, new HybridCacheEntryOptions { Expiration = TimeSpan.FromSeconds(10), LocalCacheExpiration = TimeSpan.FromSeconds(10) });
        await AdvanceAsync(TimeSpan.FromSeconds(11));
        await cache.SetAsync("expired", 2);
        await Node.Services.GetRequiredService<ICacheAdmin>().RemoveByPrefixAsync(Acme, "repl");

        await told.UntilAsync(eviction => eviction is { Key: "replaced", Reason: CacheEvictionReason.Removed });
        Assert.Equal(
            [("removed", CacheEvictionReason.Removed), ("replaced", CacheEvictionReason.Replaced), ("invalidated", CacheEvictionReason.Invalidated), ("expired", CacheEvictionReason.Expired), ("replaced", CacheEvictionReason.Removed)],
            told.Items.Select(eviction => (eviction.Key, eviction.Reason)));
        Assert.All(told.Items, eviction => Assert.Equal(Acme, eviction.Scope));
    }

    [ContractFact]
    public async Task What_is_evicted_for_room_is_told_by_capacity()
    {
        var node = await StartAsync(options => options.MaximumMemoryEntries = 16);
        var told = new Told<CacheEviction>();
        using var subscription = Notifications(node).OnEviction(told.Add);
        for (var i = 0; i < 40; i++)
        {
            await node.Cache.SetAsync($"k{i}", i);
        }

        await Poll.UntilAsync(() => told.Items.Count >= 40 - 16, "evicted");
        Assert.All(told.Items, eviction => Assert.Equal(CacheEvictionReason.Capacity, eviction.Reason));
        Assert.Equal(40, told.Items.Count + node.Engine!.Memory.Count);
    }

    [ContractFact]
    public async Task A_handler_that_throws_or_has_ended_disturbs_nobody()
    {
        var (first, second) = (new Told<CacheEviction>(), new Told<CacheEviction>());
        using var throwing = Notifications(Node).OnEviction(_ => throw new InvalidOperationException("the handler's own affair"));
        var ended = Notifications(Node).OnEviction(first.Add);
        using var stays = Notifications(Node).OnEviction(second.Add);
        ended.Dispose();
        ended.Dispose();
        await Cache.SetAsync("key", 1);
        await Cache.RemoveAsync("key");

        await second.UntilAsync(eviction => eviction.Key == "key");
        Assert.Empty(first.Items);
    }

    [ContractFact]
    public async Task A_handler_that_hangs_does_not_hold_up_the_cache_and_what_it_misses_is_counted()
    {
        using var gate = new ManualResetEventSlim();
        using var subscription = Notifications(Node).OnEviction(_ => gate.Wait());
        try
        {
            for (var i = 0; i < 4_200; i++)
            {
                // In memory alone, so that this is no test of the server's speed.
                await Cache.SetAsync("key", i, new HybridCacheEntryOptions { Flags = HybridCacheEntryFlags.DisableDistributedCache });
            }

            Assert.InRange(Notifications(Node).DroppedEvictions, 100, 104);
        }
        finally
        {
            gate.Set();
        }
    }

    [ContractFact]
    public async Task Each_invalidation_of_a_scope_is_read_on_every_node()
    {
        var other = Backend.IsShared ? await StartAsync(null) : Node;
        await using var here = new Reading(Notifications(Node).ReadInvalidationsAsync(Acme));
        await using var there = new Reading(Notifications(other).ReadInvalidationsAsync(Acme));
        await using var all = new Reading(Notifications(other).ReadInvalidationsAsync());
        var admin = Node.Services.GetRequiredService<ICacheAdmin>();
        var cache = Cache.InScope(Acme);
        await cache.SetAsync("key: 1", 1);
        await cache.RemoveAsync("key: 1");
        await cache.RemoveByTagAsync("tag");
        await admin.RemoveByPatternAsync(Acme, "a?c*");
        await admin.RemoveByPrefixAsync(Acme, "pre");
        await cache.RemoveByTagAsync("*");
        await Cache.InScope(Acme.WithNamespace("other")).RemoveAsync("not Acme's");
        await admin.ClearNamespaceAsync(Acme.WithTenant("globex"));
        await admin.ClearProjectAsync("acme", "web");
        await admin.ClearProjectAsync("acme", "other");
        await admin.ClearTenantAsync("acme");
        await admin.ClearTenantAsync("globex");
        await admin.ClearGlobalAsync();
        await admin.ClearAllAsync();

        (CacheInvalidationKind, CacheScope?, string?)[] expected =
        [
            (CacheInvalidationKind.Key, Acme, "key: 1"), (CacheInvalidationKind.Key, Acme, "key: 1"), (CacheInvalidationKind.Tag, Acme, "tag"), (CacheInvalidationKind.Pattern, Acme, "a?c*"),
            (CacheInvalidationKind.Pattern, Acme, "pre*"), (CacheInvalidationKind.Namespace, Acme, null), (CacheInvalidationKind.Project, new CacheScope("acme", "web"), null),
            (CacheInvalidationKind.Tenant, new CacheScope("acme"), null), (CacheInvalidationKind.Everything, null, null),
        ];
        foreach (var (reading, isLocal) in ((Reading, bool)[])[(here, true), (there, ReferenceEquals(other, Node))])
        {
            var read = await reading.UntilAsync(invalidation => invalidation.Kind == CacheInvalidationKind.Everything);
            Assert.Equal(expected, read.Select(invalidation => (invalidation.Kind, invalidation.Scope, invalidation.Name)));
            Assert.All(read, invalidation => Assert.Equal((isLocal, 0), (invalidation.IsLocal, invalidation.Missed)));
        }

        Assert.Equal(14, (await all.UntilAsync(invalidation => invalidation.Kind == CacheInvalidationKind.Everything)).Count);
    }

    [ContractFact]
    public async Task An_update_is_one_too()
    {
        var scope = Node.Engine!.Scope(Acme);
        await Cache.InScope(Acme).SetAsync("key", 1);
        await using var here = new Reading(Notifications(Node).ReadInvalidationsAsync(Acme));
        await Node.Engine.UpdateAsync(scope, "key", (int number) => number + 1, null, default);

        var read = await here.NextAsync();
        Assert.Equal((CacheInvalidationKind.Key, "key", true), (read.Kind, read.Name, read.IsLocal));
        Assert.Equal(2, (await Cache.InScope(Acme).TryGetAsync<int>("key")).Value);
    }

    [ContractFact]
    public async Task When_an_invalidation_is_read_the_old_value_is_gone()
    {
        var other = Backend.IsShared ? await StartAsync(null) : Node;
        await using var there = new Reading(Notifications(other).ReadInvalidationsAsync(CacheScope.Raw));
        for (var i = 0; i < 50; i++)
        {
            await Cache.SetAsync($"k{i}", "old");
            _ = await other.Cache.TryGetAsync<string>($"k{i}");
            var removal = Cache.RemoveAsync($"k{i}").AsTask();
            await there.NextAsync();
            await there.NextAsync();
            Assert.False((await other.Cache.TryGetAsync<string>($"k{i}")).IsFound, $"k{i}");
            await removal;
        }
    }

    [ContractFact]
    public async Task A_slow_reader_gets_the_newest_and_is_told_how_many_it_missed()
    {
        await using var reading = new Reading(Notifications(Node).ReadInvalidationsAsync(Acme));
        var cache = Cache.InScope(Acme);
        var options = new HybridCacheEntryOptions { Flags = HybridCacheEntryFlags.DisableDistributedCache };
        await cache.SetAsync("first", 0, options);
        Assert.Equal("first", (await reading.NextAsync()).Name);
        for (var i = 0; i < 1_500; i++)
        {
            await cache.SetAsync($"k{i}", i, options);
        }

        // One had been handed over before the others came.
        var read = new List<CacheInvalidation>();
        do
        {
            read.Add(await reading.NextAsync());
        }
        while (read[^1].Name != "k1499");

        Assert.Equal(1_500, read.Count + read.Sum(invalidation => invalidation.Missed));
        Assert.InRange(read.Count, 1_024, 1_026);

        // The one that was handed over may have come from the middle, with a loss before it and one after it.
        Assert.InRange(read.Count(invalidation => invalidation.Missed > 0), 1, 2);
    }

    [ContractFact]
    public async Task Reading_ends_with_the_token_and_with_the_cache()
    {
        var node = await StartAsync(null);
        using var cancellation = new CancellationTokenSource();
        var cancelled = Notifications(node).ReadInvalidationsAsync(null, cancellation.Token).ToListAsync().AsTask();
        var ended = Notifications(node).ReadInvalidationsAsync().ToListAsync().AsTask();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        await node.DisposeAsync();

        await ended.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Empty(await node.Engine!.Invalidations.ReadAsync(null, default).ToListAsync());
    }

    [ContractFact]
    public async Task A_handler_of_the_builder_is_there_from_the_beginning()
    {
        var told = new Told<CacheEviction>();
        var services = new ServiceCollection();
        services.AddSingleton(told);
        services.AddLarder().OnEviction((provider, eviction) => provider.GetRequiredService<Told<CacheEviction>>().Add(eviction));
        await using var provider = services.BuildServiceProvider();
        var cache = provider.GetRequiredService<HybridCache>();
        await cache.SetAsync("key", 1);
        await cache.RemoveAsync("key");

        await told.UntilAsync(eviction => eviction.Key == "key");
    }

    [ContractFact]
    public async Task Handlers_may_come_where_no_context_flows_and_go_within_a_call()
    {
        var notifications = Notifications(Node);
        var (told, calls, subscription) = (new Told<CacheEviction>(), 0, default(IDisposable));
        using (ExecutionContext.SuppressFlow())
        {
            subscription = notifications.OnEviction(_ =>
            {
                calls++;
                subscription!.Dispose();
            });
        }

        using var other = notifications.OnEviction(told.Add);
        for (var i = 0; i < 3; i++)
        {
            await Cache.SetAsync("key", i);
            await Cache.RemoveAsync("key");
            await told.UntilAsync(_ => told.Items.Count == i + 1);
        }

        Assert.Equal(1, calls);
    }

    [ContractFact]
    public async Task A_gap_in_what_the_others_say_is_told_to_every_reader()
    {
        await using var reading = new Reading(Notifications(Node).ReadInvalidationsAsync(Acme));
        ((Larder.Backplane.IBackplaneListener)Node.Engine!).OnMissed("a gap");
        var gap = await reading.NextAsync();

        Assert.Equal((CacheInvalidationKind.Unknown, null, null, false), (gap.Kind, gap.Scope, gap.Name, gap.IsLocal));
    }

    [ContractFact]
    public async Task Pages_are_no_entries_that_a_listener_knows()
    {
        var notifications = Notifications(Node);
        var told = new Told<CacheEviction>();
        using var subscription = notifications.OnEviction(told.Add);
        await using var reading = new Reading(notifications.ReadInvalidationsAsync());
        var pages = Node.Engine!.Scope(new CacheScope("acme", "web", "users")).Pages;
        await Node.Engine.SetAsync(pages, "page", "html", null, null, null, default);
        await Node.Engine.RemoveAsync(pages, "page", default);
        await Cache.SetAsync("key", 1);
        await Cache.RemoveAsync("key");

        Assert.Equal("key", (await reading.NextAsync()).Name);
        await told.UntilAsync(eviction => eviction.Key == "key");
        Assert.DoesNotContain(told.Items, eviction => eviction.Key == "page");
    }

    /// <summary>What a handler was told.</summary>
    private protected sealed class Told<T>
    {
        private readonly System.Collections.Concurrent.ConcurrentQueue<T> _items = new();

        public IReadOnlyCollection<T> Items => _items;

        public void Add(T item) => _items.Enqueue(item);

        public Task UntilAsync(Func<T, bool> condition) => Poll.UntilAsync(() => _items.Any(condition), "told");
    }

    /// <summary>An enumeration that has begun.</summary>
    private protected sealed class Reading : IAsyncDisposable
    {
        private readonly IAsyncEnumerator<CacheInvalidation> _items;
        private Task<bool> _next;

        public Reading(IAsyncEnumerable<CacheInvalidation> items)
        {
            _items = items.GetAsyncEnumerator();
            _next = _items.MoveNextAsync().AsTask();
        }

        public async Task<CacheInvalidation> NextAsync()
        {
            Assert.True(await _next.WaitAsync(TimeSpan.FromSeconds(30)));
            var item = _items.Current;
            _next = _items.MoveNextAsync().AsTask();
            return item;
        }

        /// <summary>All up to one.</summary>
        public async Task<List<CacheInvalidation>> UntilAsync(Func<CacheInvalidation, bool> last)
        {
            var read = new List<CacheInvalidation>();
            do
            {
                read.Add(await NextAsync());
            }
            while (!last(read[^1]));

            return read;
        }

        // The enumerator may be waiting for its next item and cannot be disposed of then; it ends with the node.
        public ValueTask DisposeAsync() => default;
    }
}

public sealed class InMemoryNotificationTests : NotificationContract
{
    private protected override Backend Backend { get; } = Backend.Memory();

    [Fact]
    public async Task Without_a_server_what_expires_there_is_refused()
    {
        var failure = await Assert.ThrowsAsync<NotSupportedException>(() => Notifications(Node).OnServerExpirationAsync(_ => { }));
        Assert.Contains("OnEviction", failure.Message, StringComparison.Ordinal);
    }
}

public abstract class ServerNotificationTests(ServerKind kind) : NotificationContract
{
    private protected override Backend Backend { get; } = Backend.Of(kind);

    [ContractFact]
    public async Task A_server_that_does_not_tell_what_expires_is_refused_with_what_to_do()
    {
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => Notifications(Node).OnServerExpirationAsync(_ => { }));
        Assert.Contains("notify-keyspace-events", failure.Message, StringComparison.Ordinal);
    }
}

[NeedsServer(ServerKind.Redis)]
public sealed class RedisNotificationTests() : ServerNotificationTests(ServerKind.Redis);

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyNotificationTests() : ServerNotificationTests(ServerKind.Valkey);

[NeedsServer(ServerKind.RedisCluster)]
public sealed class RedisClusterNotificationTests() : ServerNotificationTests(ServerKind.RedisCluster);
