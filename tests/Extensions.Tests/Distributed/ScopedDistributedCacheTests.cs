using System.Text;
using Larder.Diagnostics;
using Larder.Tests.Encryption;
using Larder.Tests.Engine;
using Larder.Tests.Scopes;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace Larder.Tests.Distributed;

/// <summary>Whose values an <see cref="IDistributedCache"/> of Larder's holds, how long, and how it is put over another.</summary>
public sealed class ScopedDistributedCacheTests : IAsyncLifetime
{
    private static readonly byte[] Value = "the value"u8.ToArray();
    private static readonly DistributedCacheEntryOptions Hour = new() { AbsoluteExpirationRelativeToNow = TimeSpan.FromHours(1) };
    private readonly SteppedClock _clock = new();
    private readonly TestDistributedCache _store;
    private readonly List<CacheNode> _nodes = [];

    public ScopedDistributedCacheTests() => _store = new TestDistributedCache(_clock);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }
    }

    [Fact]
    public async Task Two_different_places_never_meet_whatever_characters_they_contain()
    {
        var node = await StartAsync();
        var bare = new TestDistributedCache(_clock);
        foreach (var (root, store) in new[] { (Distributed(node), _store), (bare.InScope(CacheScope.Raw), bare) })
        {
            Property.Holds(HostileText.Pair, pair =>
            {
                var (first, second) = (root.InScope(Scope(pair.First)), root.InScope(Scope(pair.Second)));
                first.Set(pair.First.Key, Value, Hour);
                var meet = Scope(pair.First).Equals(Scope(pair.Second)) && pair.First.Key == pair.Second.Key;
                Assert.Equal(meet, second.Get(pair.Second.Key) is not null);
                Assert.Equal(Value, first.Get(pair.First.Key));

                // A server sees UTF-8, which has one replacement for all lone surrogates, and picks slots by braces.
                var stored = store.Keys.Single(key => key.Contains("d:t", StringComparison.Ordinal) && !key.StartsWith("cache:v1:s:", StringComparison.Ordinal));
                Assert.Equal(stored, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(stored)));
                Assert.DoesNotContain('{', stored);
                second.Remove(pair.Second.Key);
                Assert.Equal(meet, first.Get(pair.First.Key) is null);
                first.Remove(pair.First.Key);
            }, 1_500);
        }

        static CacheScope Scope(KeyTuple tuple) => new(tuple.Tenant, tuple.Project, tuple.Namespace);
    }

    [Fact]
    public async Task The_scope_is_that_of_the_running_call_or_of_the_view()
    {
        var node = await StartAsync(larder => larder.AddDistributedCache("favicon").AddDistributedCache("rates", CacheScope.Shared("rates")).AddDistributedCache("raw", CacheScope.Raw));
        var cache = Distributed(node);
        using (CacheScope.Use(new CacheScope("acme", "web")))
        {
            await cache.SetAsync("key", Value, Hour);
            await Keyed("favicon").SetAsync("key", [2], Hour);
            await Keyed("rates").SetAsync("key", [3], Hour);
            await Keyed("raw").SetAsync("key", [4], Hour);
        }

        Assert.Equal([4], await cache.GetAsync("key"));
        Assert.Equal([3], await Keyed("rates").GetAsync("key"));
        Assert.Null(await Keyed("favicon").GetAsync("key"));
        Assert.Equal(Value, await cache.InScope(new CacheScope("acme", "web")).GetAsync("key"));
        Assert.Equal([2], await cache.InScope(new CacheScope("acme", "web", "favicon")).GetAsync("key"));
        Assert.Equal([3], await cache.InScope(CacheScope.Raw).InScope(CacheScope.Shared("rates")).GetAsync("key"));

        IDistributedCache Keyed(string name) => node.Services.GetRequiredKeyedService<IDistributedCache>(name);
    }

    [Fact]
    public async Task The_engine_keeps_its_entries_in_the_same_store_and_neither_meets_the_other()
    {
        var node = await StartAsync();
        await node.Cache.SetAsync("key", "of the engine");
        await Distributed(node).SetAsync("key", Value, Hour);

        Assert.Contains("cache:v1:t:p:n:key", _store.Keys);
        Assert.Contains("cache:v1:d:t:p:n:key", _store.Keys);
        Assert.DoesNotContain(_store.Keys, key => key.Contains("d:t:p:n:cache", StringComparison.Ordinal));
        Assert.Equal("of the engine", await node.ReadSharedAsync<string>("key"));
        await node.Cache.RemoveAsync("key");
        Assert.Equal(Value, await Distributed(node).GetAsync("key"));
    }

    [Fact]
    public async Task A_value_without_an_expiration_lives_as_long_as_its_namespace_says()
    {
        var node = await StartAsync(configure: options =>
        {
            options.DefaultExpiration = TimeSpan.FromSeconds(3_600);
            options.Namespaces["favicon"] = new NamespaceOptions { DefaultExpiration = TimeSpan.FromDays(1) };
            options.Namespaces["session"] = new NamespaceOptions { DefaultExpiration = TimeSpan.FromDays(1), SlidingExpiration = TimeSpan.FromMinutes(20) };
        });
        var plain = Distributed(node);
        var favicon = plain.InScope(CacheScope.Shared("favicon"));
        var session = plain.InScope(CacheScope.Shared("session"));
        foreach (var cache in new[] { plain, favicon, session })
        {
            await cache.SetAsync("key", Value, new DistributedCacheEntryOptions());
        }

        _clock.Advance(TimeSpan.FromMinutes(19));
        Assert.NotNull(await session.GetAsync("key"));
        _clock.Advance(TimeSpan.FromMinutes(40));
        Assert.NotNull(await plain.GetAsync("key"));
        Assert.Null(await session.GetAsync("key"));
        _clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Null(await plain.GetAsync("key"));
        Assert.NotNull(await favicon.GetAsync("key"));
        _clock.Advance(TimeSpan.FromHours(23));
        Assert.Null(await favicon.GetAsync("key"));
    }

    [Fact]
    public async Task Where_caching_is_off_nothing_is_kept_unless_the_call_says_for_how_long()
    {
        var before = await StartAsync();
        await Distributed(before).SetAsync("key", Value, Hour);
        var node = await StartAsync(configure: options => options.DefaultExpiration = TimeSpan.Zero);

        await Distributed(node).SetAsync("key", [2], new DistributedCacheEntryOptions());
        Distributed(node).Set("other", [2], new DistributedCacheEntryOptions());
        Assert.Null(await Distributed(before).GetAsync("key"));
        Assert.Null(await Distributed(before).GetAsync("other"));
        await Distributed(node).SetAsync("key", [3], Hour);
        Assert.Equal([3], await Distributed(node).GetAsync("key"));
    }

    [Fact]
    public async Task Clears_reach_the_values_of_their_scope_and_no_other()
    {
        foreach (var inMemory in new[] { false, true })
        {
            var node = await StartAsync(inMemory: inMemory);
            var other = inMemory ? node : await StartAsync();
            var acme = Distributed(node).InScope(new CacheScope("acme", null, "a"));
            var theirs = Distributed(node).InScope(new CacheScope("umbrella", null, "a"));
            acme.Set("key", Value, Hour);
            theirs.Set("key", Value, new DistributedCacheEntryOptions { SlidingExpiration = TimeSpan.FromHours(1) });
            await other.Services.GetRequiredService<ICacheAdmin>().ClearTenantAsync("acme");
            _clock.Advance(TimeSpan.FromSeconds(6));

            Assert.Null(acme.Get("key"));
            Assert.Null(await acme.GetAsync("key"));
            Assert.Equal(Value, theirs.Get("key"));
            acme.Set("key", Value, Hour);
            Assert.Equal(Value, acme.Get("key"));
        }
    }

    [Fact]
    public async Task A_value_on_its_way_when_its_scope_is_cleared_does_not_outlive_the_clear()
    {
        var node = await StartAsync();
        var cache = Distributed(node);
        await cache.SetAsync("key", Value, Hour);
        var (reached, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        _store.BeforeSet = key =>
        {
            if (!key.EndsWith(":key", StringComparison.Ordinal))
            {
                return Task.CompletedTask;
            }

            reached.TrySetResult();
            return goOn.Task;
        };
        var setting = cache.SetAsync("key", [2], Hour);
        await reached.Task;
        await node.Services.GetRequiredService<ICacheAdmin>().ClearAllAsync();
        goOn.SetResult();
        await setting;

        Assert.Null(await cache.GetAsync("key"));
    }

    [Fact]
    public async Task A_value_that_was_moved_or_damaged_is_a_miss()
    {
        var node = await StartAsync();
        using var measured = new Measurements(node.Services.GetRequiredService<LarderMetrics>());
        var (acme, theirs) = (Distributed(node).InScope(new CacheScope("acme")), Distributed(node).InScope(new CacheScope("umbrella")));
        await acme.SetAsync("key", Value, Hour);
        var stored = _store["cache:v1:d:t.acme:p:n:key"]!;
        _store["cache:v1:d:t.umbrella:p:n:key"] = stored;
        Assert.Null(await theirs.GetAsync("key"));
        Assert.Equal(1, measured.Sum("larder.payload.rejected OtherKey"));
        for (var i = 2; i < stored.Length; i++)
        {
            byte[] damaged = [.. stored];
            damaged[i] ^= 1;
            _store["cache:v1:d:t.acme:p:n:key"] = damaged;
            Assert.Null(await acme.GetAsync("key"));
        }
    }

    [Fact]
    public async Task Values_are_compressed_and_encrypted_and_plain_ones_are_read_only_where_they_are_accepted()
    {
        var bytes = Enumerable.Range(100, 32).Select(i => (byte)i).ToArray();
        var plain = await StartAsync();
        var packed = await StartAsync(configure: options => options.Compression = CacheCompression.Brotli);
        var strict = await StartAsync(larder => larder.AddEncryption(keys => keys.Use(new CacheEncryptionKey("k1", bytes))), options => options.Compression = CacheCompression.Brotli);
        var lenient = await StartAsync(larder => larder.AddEncryption(keys => keys.Use(new CacheEncryptionKey("k1", bytes))), options => options.AcceptUnencrypted = true);
        var text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("a sentence that repeats itself. ", 200)));
        await Distributed(packed).SetAsync("packed", text, Hour);
        await Distributed(strict).SetAsync("sealed", text, Hour);
        _store["cache:v1:d:t:p:n:foreign"] = Value;

        Assert.InRange(_store["cache:v1:d:t:p:n:packed"]!.Length, 64, 400);
        Assert.InRange(_store["cache:v1:d:t:p:n:sealed"]!.Length, 64, 400);
        Assert.True(_store["cache:v1:d:t:p:n:sealed"].AsSpan().IndexOf("sentence"u8) < 0);
        Assert.Equal(text, Distributed(plain).Get("packed"));
        Assert.Null(Distributed(plain).Get("sealed"));
        Assert.Equal(Value, Distributed(plain).Get("foreign"));
        Assert.Equal(text, Distributed(strict).Get("sealed"));
        Assert.Null(Distributed(strict).Get("packed"));
        Assert.Null(Distributed(strict).Get("foreign"));
        Assert.Equal(text, Distributed(lenient).Get("sealed"));
        Assert.Equal(text, Distributed(lenient).Get("packed"));
        Assert.Equal(Value, Distributed(lenient).Get("foreign"));

        var stored = _store["cache:v1:d:t:p:n:sealed"]!;
        for (var i = 8; i < stored.Length; i++)
        {
            byte[] damaged = [.. stored];
            damaged[i] ^= 1;
            Payloads.Reseal(damaged);
            _store["cache:v1:d:t:p:n:sealed"] = damaged;
            Assert.Null(await Distributed(strict).GetAsync("sealed"));
        }
    }

    [Fact]
    public async Task Whatever_lies_in_the_store_no_read_fails()
    {
        var random = new Random(3);
        var node = await StartAsync(larder => larder.AddEncryption(keys => keys.Use(new CacheEncryptionKey("k1", new byte[32]))), options =>
        {
            options.Compression = CacheCompression.Brotli;
            options.CompressionThreshold = 0;
            options.Namespaces["open"] = new NamespaceOptions { Encrypt = false };
        });
        foreach (var (scope, place) in new[] { (CacheScope.Raw, "n:key"), (CacheScope.Shared("open"), "n.open:key") })
        {
            var cache = Distributed(node).InScope(scope);
            await cache.SetAsync("key", new byte[500], Hour);
            var stored = _store["cache:v1:d:t:p:" + place]!;
            for (var round = 0; round < 20_000; round++)
            {
                var bytes = stored[..(random.Next(4) == 0 ? random.Next(stored.Length + 1) : stored.Length)];
                for (var times = random.Next(1, 4); times > 0 && bytes.Length > 0; times--)
                {
                    bytes[random.Next(random.Next(2) == 0 ? Math.Min(4, bytes.Length) : bytes.Length)] = (byte)random.Next(256);
                }

                Payloads.Reseal(bytes);
                _store["cache:v1:d:t:p:" + place] = bytes;
                var read = await cache.GetAsync("key");
                Assert.True(scope != CacheScope.Raw || read is null || read.AsSpan().SequenceEqual(new byte[500]));
            }
        }
    }

    [Fact]
    public async Task Without_a_key_the_old_value_goes_and_no_call_fails()
    {
        var keys = new TestKeys();
        var key = new CacheEncryptionKey("k1", new byte[32]);
        (keys.Current, keys.Find) = (_ => key, (_, _) => key);
        var node = await StartAsync(larder => larder.Services.AddSingleton<ICacheKeyProvider>(keys));
        Distributed(node).Set("key", Value, Hour);
        Assert.Equal(Value, Distributed(node).Get("key"));
        keys.Current = _ => throw new InvalidOperationException("The vault is closed.");

        Distributed(node).Set("key", [2], Hour);
        Assert.Null(Distributed(node).Get("key"));
        Assert.DoesNotContain(_store.Keys, stored => stored.EndsWith(":key", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_the_implementation_throws_is_thrown()
    {
        var node = await StartAsync();
        await Distributed(node).SetAsync("key", Value, Hour);
        _store.Failure = new TimeoutException("away");

        await Assert.ThrowsAsync<TimeoutException>(() => Distributed(node).GetAsync("key"));
        await Assert.ThrowsAsync<TimeoutException>(() => Distributed(node).SetAsync("key", Value, Hour));
        await Assert.ThrowsAsync<TimeoutException>(() => Distributed(node).RemoveAsync("key"));
        Assert.Throws<TimeoutException>(() => Distributed(node).Get("key"));
    }

    [Fact]
    public void One_that_is_registered_afterwards_is_refused_at_start()
    {
        var services = new ServiceCollection();
        services.AddLarder().AddDistributedCache().AddDistributedCache();
        services.AddSingleton<IDistributedCache>(_store);
        using var provider = services.BuildServiceProvider();
        var error = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IOptions<LarderOptions>>().Value);
        Assert.Contains("'TestDistributedCache' is registered as IDistributedCache after AddDistributedCache()", error.Message, StringComparison.Ordinal);
    }

    /// <summary>It keeps its entries in the application's store, not in the one with the scope over it, whose scope would be that of whoever happens to call.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_wrapped_cache_keeps_its_entries_below_the_scope(bool byFactory)
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(_clock);
        services.AddSingleton<IDistributedCache>(_store);
        _ = byFactory
            ? services.AddSingleton<HybridCache>(provider => new CacheOverStore(provider))
            : services.AddSingleton<HybridCache, CacheOverStore>();
        services.AddLarder().AddDistributedCache();
        await using var node = await CacheNode.StartAsync(services);
        using (CacheScope.Use(new CacheScope("acme")))
        {
            await node.Cache.InScope(CacheScope.Raw).SetAsync("key", "value");
            await Distributed(node).SetAsync("other", Value, Hour);
        }

        Assert.Contains("cache:v1:t:p:n:key", _store.Keys);
        Assert.Equal(["cache:v1:d:t.acme:p:n:other"], _store.Keys.Where(key => key.Contains(":d:", StringComparison.Ordinal)));
        Assert.Equal("value", await node.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("loaded")));
        Assert.Equal(Value, await Distributed(node).InScope(new CacheScope("acme")).GetAsync("other"));
    }

    [Fact]
    public async Task Without_an_implementation_memory_serves_and_with_one_the_keyed_caches_leave_it_alone()
    {
        var services = new ServiceCollection();
        services.AddLarder().AddDistributedCache("a").AddDistributedCache();
        await using var node = await CacheNode.StartAsync(services);
        await Distributed(node).InScope(CacheScope.Shared("a")).SetAsync("key", Value, Hour);
        Assert.Equal(Value, await node.Services.GetRequiredKeyedService<IDistributedCache>("a").GetAsync("key"));

        var others = new ServiceCollection();
        others.AddSingleton<IDistributedCache>(_store);
        others.AddLarder().AddDistributedCache("a");
        await using var other = await CacheNode.StartAsync(others);
        Assert.Same(_store, Distributed(other));
        await other.Services.GetRequiredKeyedService<IDistributedCache>("a").SetAsync("key", Value, Hour);
        Assert.Contains("cache:v1:d:t:p:n.a:key", _store.Keys);
    }

    /// <summary>Somebody else's cache that finds its store as Microsoft's does.</summary>
    private sealed class CacheOverStore(IServiceProvider services) : HybridCache
    {
        private readonly IDistributedCache _store = services.GetRequiredService<IDistributedCache>();

        public override async ValueTask<T> GetOrCreateAsync<TState, T>(
            string key, TState state, Func<TState, CancellationToken, ValueTask<T>> factory, HybridCacheEntryOptions? options = null, IEnumerable<string>? tags = null, CancellationToken cancellationToken = default) =>
            await _store.GetAsync(key, cancellationToken) is { } stored ? (T)(object)new Larder.Hybrid.ForeignPayload(stored) : default!;

        public override async ValueTask SetAsync<T>(string key, T value, HybridCacheEntryOptions? options = null, IEnumerable<string>? tags = null, CancellationToken cancellationToken = default) =>
            await _store.SetAsync(key, ((Larder.Hybrid.ForeignPayload)(object)value!).Data, new DistributedCacheEntryOptions(), cancellationToken);

        public override async ValueTask RemoveAsync(string key, CancellationToken cancellationToken = default) => await _store.RemoveAsync(key, cancellationToken);

        public override ValueTask RemoveByTagAsync(string tag, CancellationToken cancellationToken = default) => throw new NotSupportedException();
    }

    private static IDistributedCache Distributed(CacheNode node) => node.Services.GetRequiredService<IDistributedCache>();

    private async Task<CacheNode> StartAsync(Action<ILarderBuilder>? build = null, Action<LarderOptions>? configure = null, bool inMemory = false)
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(_clock);
        if (!inMemory)
        {
            services.AddSingleton<IDistributedCache>(_store);
        }

        var larder = services.AddLarder(configure).AddDistributedCache();
        build?.Invoke(larder);
        var node = await CacheNode.StartAsync(services);
        _nodes.Add(node);
        return node;
    }
}
