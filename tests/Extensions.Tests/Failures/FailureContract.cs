using Larder.Consistency.Levels;
using Larder.Diagnostics;
using Larder.Engine;
using Larder.Hybrid;
using Larder.Tests.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Failures;

/// <summary>What each policy promises when the second level is away, over one second level by each concrete class.</summary>
public abstract class FailureContract : IAsyncLifetime
{
    private readonly List<Node> _nodes = [];

    private protected SteppedClock Clock { get; } = new();

    public virtual Task InitializeAsync() => Task.CompletedTask;

    public virtual async Task DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }
    }

    [ContractFact]
    public async Task A_read_that_is_tolerated_runs_the_factory()
    {
        var node = await StartAsync(_ => { });
        await FailAsync();

        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(i, await new CountedFactory<int>(i).ReadAsync(node.Cache, $"key {i}", tags: ["tag"]));
            Assert.False((await node.Cache.TryGetAsync<int>($"missing {i}")).IsFound);
        }
    }

    [ContractFact]
    public async Task A_read_that_is_not_throws_and_runs_no_factory_until_the_server_is_back()
    {
        var node = await StartAsync(options => options.OnReadFailure = SecondLevelFailure.Throw);
        var values = new CountedFactory<int>(call => call);
        Assert.Equal(1, await values.ReadAsync(node.Cache, "before"));
        await FailAsync();

        for (var i = 0; i < 10; i++)
        {
            var thrown = await Assert.ThrowsAsync<SecondLevelException>(() => values.ReadAsync(node.Cache, "key").AsTask());
            Assert.Contains("The second level could not be read", thrown.Message, StringComparison.Ordinal);
            Assert.Contains("LarderOptions.OnReadFailure is Throw", thrown.Message, StringComparison.Ordinal);
            Assert.NotNull(thrown.InnerException);
            await Assert.ThrowsAsync<SecondLevelException>(() => node.Cache.TryGetAsync<int>("key").AsTask());
        }

        Assert.Equal((1, 0), (values.Calls, node.Engine.Flights.Count));
        await RecoverAsync();
        await UntilAsync(async () => await ReadsAsync(node), "the server is read again");

        Assert.Equal(2, await values.ReadAsync(node.Cache, "key"));
        Assert.Equal(CacheResultKind.Missing, (await node.Cache.TryGetAsync<int>("missing")).Kind);
    }

    [ContractFact]
    public async Task What_memory_may_serve_is_served_and_what_leaves_the_server_out_is_loaded()
    {
        var node = await StartAsync(options => options.OnReadFailure = SecondLevelFailure.Throw);
        await node.Cache.SetAsync("key", 1);
        await FailAsync();
        var values = new CountedFactory<int>(2);

        Assert.Equal(1, await values.ReadAsync(node.Cache, "key"));
        Assert.Equal(1, (await node.Cache.TryGetAsync<int>("key")).Value);
        Assert.Equal(2, await values.ReadAsync(node.Cache, "other", new HybridCacheEntryOptions { Flags = HybridCacheEntryFlags.DisableDistributedCache }));
    }

    [ContractTheory]
    [InlineData(SecondLevelFailure.Queue)]
    [InlineData(SecondLevelFailure.Throw)]
    public async Task A_value_set_meanwhile_holds_here_and_the_old_one_is_gone_for_all_when_the_server_is_back(SecondLevelFailure policy)
    {
        var node = await StartAsync(options => options.OnWriteFailure = policy);
        await node.Cache.SetAsync("key", 1);
        await FailAsync();

        var setting = node.Cache.SetAsync("key", 2).AsTask();
        if (policy == SecondLevelFailure.Throw)
        {
            var thrown = await Assert.ThrowsAsync<SecondLevelException>(() => setting);
            Assert.Contains("The value could not be written to the second level", thrown.Message, StringComparison.Ordinal);
            Assert.Contains("LarderOptions.OnWriteFailure is Throw", thrown.Message, StringComparison.Ordinal);
        }

        await setting.ContinueWith(_ => { }, TaskScheduler.Default);
        Assert.Equal(policy == SecondLevelFailure.Queue, setting.IsCompletedSuccessfully);
        Assert.Equal(1, node.Engine.PendingCount);
        Assert.Equal(2, await new CountedFactory<int>(9).ReadAsync(node.Cache, "key"));

        await RecoverAsync();
        await UntilAsync(() => Task.FromResult(node.Engine.PendingCount == 0), "the removal is replayed");
        var other = await StartAsync(_ => { });
        await UntilAsync(async () => await ReadsAsync(other), "the server is read again");
        Assert.Equal(3, await new CountedFactory<int>(3).ReadAsync(other.Cache, "key"));
    }

    [ContractTheory]
    [InlineData("key", SecondLevelFailure.Queue)]
    [InlineData("key", SecondLevelFailure.Throw)]
    [InlineData("tag", SecondLevelFailure.Queue)]
    [InlineData("tag", SecondLevelFailure.Throw)]
    [InlineData("*", SecondLevelFailure.Queue)]
    [InlineData("*", SecondLevelFailure.Throw)]
    public async Task An_invalidation_holds_here_at_once_and_everywhere_when_the_server_is_back(string what, SecondLevelFailure policy)
    {
        var node = await StartAsync(options => options.OnInvalidationFailure = policy);
        await node.Cache.SetAsync("key", 1, tags: ["tag"]);
        await FailAsync();

        var invalidating = (what == "key" ? node.Cache.RemoveAsync("key") : node.Cache.RemoveByTagAsync(what)).AsTask();
        if (policy == SecondLevelFailure.Throw)
        {
            var thrown = await Assert.ThrowsAsync<SecondLevelException>(() => invalidating);
            Assert.Contains("The invalidation holds on this node", thrown.Message, StringComparison.Ordinal);
            Assert.Contains("LarderOptions.OnInvalidationFailure is Throw", thrown.Message, StringComparison.Ordinal);

            // A write asks its own policy.
            await node.Cache.SetAsync("another", 1);
        }

        await invalidating.ContinueWith(_ => { }, TaskScheduler.Default);
        Assert.Equal(policy == SecondLevelFailure.Queue, invalidating.IsCompletedSuccessfully);
        Assert.InRange(node.Engine.PendingCount, 1, 2);
        Assert.Equal(2, await new CountedFactory<int>(2).ReadAsync(node.Cache, "key", tags: ["tag"]));

        await RecoverAsync();
        await UntilAsync(() => Task.FromResult(node.Engine.PendingCount == 0), "the invalidation is replayed");
        var other = await StartAsync(_ => { });
        await UntilAsync(async () => await ReadsAsync(other), "the server is read again");
        Assert.NotEqual(1, await new CountedFactory<int>(3).ReadAsync(other.Cache, "key", tags: ["tag"]));
    }

    private protected abstract Task<Node> CreateAsync(Action<LarderOptions> configure);

    private protected abstract Task FailAsync();

    private protected abstract Task RecoverAsync();

    private protected async Task<Node> StartAsync(Action<LarderOptions> configure)
    {
        var node = await CreateAsync(configure);
        _nodes.Add(node);
        return node;
    }

    /// <summary>While the clock goes on, so that breakers let something through.</summary>
    private protected Task UntilAsync(Func<Task<bool>> condition, string what) => Poll.UntilAsync(
        () =>
        {
            Clock.Advance(TimeSpan.FromMilliseconds(200));
            return condition();
        },
        what);

    private protected static async Task<bool> ReadsAsync(Node node)
    {
        try
        {
            _ = await node.Cache.TryGetAsync<int>("probe");
            return node.OpenBreakers.Count == 0;
        }
        catch (SecondLevelException)
        {
            return false;
        }
    }

    internal sealed class Node(HybridCache cache, LarderMetrics metrics, Func<ValueTask> dispose) : IAsyncDisposable
    {
        public HybridCache Cache { get; } = cache;

        public CacheEngine Engine => ((ScopedHybridCache)Cache).Engine;

        public IReadOnlyList<string> OpenBreakers => metrics.OpenBreakers;

        public ValueTask DisposeAsync() => dispose();
    }
}

/// <summary>A server within the process that refuses every call.</summary>
public sealed class RefusingServerFailureTests : FailureContract
{
    private readonly MemoryServer _server = new();
    private readonly MemoryBus _bus = new();
    private readonly List<HookedSecondLevel> _levels = [];
    private readonly List<HookedTransport> _transports = [];
    private bool _away;

    [Fact]
    public async Task Callers_that_joined_get_the_same_exception_and_the_next_call_tries_again()
    {
        var node = await StartAsync(options => options.OnReadFailure = SecondLevelFailure.Throw);
        var (reached, gate) = (new TaskCompletionSource(), new TaskCompletionSource());
        _levels[0].Before = (call, _) =>
        {
            if (call != LevelCall.Get)
            {
                return Task.CompletedTask;
            }

            reached.TrySetResult();
            return gate.Task;
        };
        var values = new CountedFactory<int>(7);
        var first = values.ReadAsync(node.Cache, "key").AsTask();
        await reached.Task.WaitAsync(TimeSpan.FromSeconds(30));
        var joined = Enumerable.Range(0, 10).Select(_ => values.ReadAsync(node.Cache, "key").AsTask()).ToArray();
        gate.SetException(new IOException("away"));

        var thrown = await Assert.ThrowsAsync<SecondLevelException>(() => first);
        Assert.Equal("away", thrown.InnerException!.Message);
        foreach (var call in joined)
        {
            Assert.Same(thrown, await Assert.ThrowsAsync<SecondLevelException>(() => call));
        }

        Assert.Equal((0, 0), (values.Calls, node.Engine.Flights.Count));
        _levels[0].Before = null;
        Assert.Equal(7, await values.ReadAsync(node.Cache, "key"));
    }

    [Theory]
    [InlineData(LevelCall.TryLease)]
    [InlineData(LevelCall.GetStamp)]
    [InlineData(LevelCall.Get)]
    internal async Task A_read_throws_whatever_of_it_was_not_answered(LevelCall refused)
    {
        var node = await StartAsync(options => options.OnReadFailure = SecondLevelFailure.Throw);
        _levels[0].Before = (call, _) => call == refused ? Task.FromException(new IOException("away")) : Task.CompletedTask;
        var values = new CountedFactory<int>(7);

        await Assert.ThrowsAsync<SecondLevelException>(() => values.ReadAsync(node.Cache, "key").AsTask());
        Assert.Equal((0, 0), (values.Calls, node.Engine.Flights.Count));

        // Stamps are several calls, so the breaker may have opened; of several it lets one through.
        _levels[0].Before = null;
        await UntilAsync(() => ReadsAsync(node), "the server is read again");
        Assert.Equal(7, await values.ReadAsync(node.Cache, "key"));
    }

    [Fact]
    public async Task A_stored_value_whose_tags_cannot_be_checked_is_not_read()
    {
        var one = await StartAsync(_ => { });
        await one.Cache.SetAsync("key", 1, tags: ["tag"]);
        var two = await StartAsync(options => options.OnReadFailure = SecondLevelFailure.Throw);
        _levels[1].Before = (call, name) =>
            call == LevelCall.GetStamp && name.EndsWith("tag", StringComparison.Ordinal) ? Task.FromException(new IOException("away")) : Task.CompletedTask;

        await Assert.ThrowsAsync<SecondLevelException>(() => new CountedFactory<int>(2).ReadAsync(two.Cache, "key").AsTask());
        _levels[1].Before = null;
        Assert.Equal(1, await new CountedFactory<int>(2).ReadAsync(two.Cache, "key"));
    }

    [Theory]
    [InlineData(SecondLevelFailure.Queue)]
    [InlineData(SecondLevelFailure.Throw)]
    public async Task A_loaded_value_whose_store_fails_is_returned(SecondLevelFailure policy)
    {
        var node = await StartAsync(options => (options.OnWriteFailure, options.OnReadFailure) = (policy, policy == SecondLevelFailure.Queue ? SecondLevelFailure.Tolerate : policy));
        _levels[0].Before = (call, _) => call == LevelCall.SetLeased ? Task.FromException(new IOException("away")) : Task.CompletedTask;

        Assert.Equal(7, await new CountedFactory<int>(7).ReadAsync(node.Cache, "key"));
        Assert.Equal((0, 0), (node.Engine.PendingCount, node.Engine.Flights.Count));
    }

    [Fact]
    public async Task The_caller_of_a_write_whose_stamps_could_not_be_read_is_told_and_the_old_value_is_gone()
    {
        var node = await StartAsync(options => options.OnWriteFailure = SecondLevelFailure.Throw);
        var other = await StartAsync(_ => { });
        await other.Cache.SetAsync("key", 1);
        _levels[0].Before = (call, name) =>
            call == LevelCall.GetStamp && name.EndsWith("tag", StringComparison.Ordinal) ? Task.FromException(new IOException("away")) : Task.CompletedTask;

        var thrown = await Assert.ThrowsAsync<SecondLevelException>(() => node.Cache.SetAsync("key", 2, tags: ["tag"]).AsTask());
        Assert.Contains("The key was removed there", thrown.Message, StringComparison.Ordinal);
        await UntilAsync(async () => await new CountedFactory<int>(3).ReadAsync(other.Cache, "key") == 3, "the other node has been told");
    }

    [Theory]
    [InlineData(SecondLevelFailure.Queue)]
    [InlineData(SecondLevelFailure.Throw)]
    public async Task Messages_that_cannot_be_sent_follow_the_policy_of_their_operation(SecondLevelFailure policy)
    {
        var node = await StartAsync(options => (options.OnWriteFailure, options.OnInvalidationFailure) = (policy, policy));
        _transports[0].Publishing = _ => Task.FromException(new IOException("away"));

        var (set, remove) = (node.Cache.SetAsync("set", 1).AsTask(), node.Cache.RemoveAsync("removed").AsTask());
        if (policy == SecondLevelFailure.Throw)
        {
            Assert.Contains("OnWriteFailure", (await Assert.ThrowsAsync<SecondLevelException>(() => set)).Message, StringComparison.Ordinal);
            Assert.Contains("the other nodes could not be told", (await Assert.ThrowsAsync<SecondLevelException>(() => remove)).Message, StringComparison.Ordinal);
        }
        else
        {
            await set;
            await remove;
        }

        Assert.Equal(2, node.Engine.PendingCount);
    }

    private protected override async Task<Node> CreateAsync(Action<LarderOptions> configure)
    {
        var level = new HookedSecondLevel(_server.Connect());
        var transport = new HookedTransport(_bus.Connect());
        Hook(level, transport);
        _levels.Add(level);
        _transports.Add(transport);
        var metrics = new LarderMetrics(null);
        var engine = TestEngine.Create(level, transport, configure, Clock, metrics: metrics);
        var node = new Node(new ScopedHybridCache(engine, CacheScope.Raw), metrics, engine.DisposeAsync);
        await Poll.UntilAsync(() => engine.IsTrusted, "the node hears itself");
        return node;
    }

    private protected override Task FailAsync() => SwitchAsync(true);

    private protected override Task RecoverAsync() => SwitchAsync(false);

    private Task SwitchAsync(bool away)
    {
        _away = away;
        for (var i = 0; i < _levels.Count; i++)
        {
            Hook(_levels[i], _transports[i]);
        }

        return Task.CompletedTask;
    }

    private void Hook(HookedSecondLevel level, HookedTransport transport)
    {
        level.Before = _away ? static (_, _) => Task.FromException(new IOException("away")) : null;
        transport.Publishing = _away ? static _ => Task.FromException(new IOException("away")) : null;
    }
}

/// <summary>A plain <see cref="IDistributedCache"/> that fails.</summary>
public sealed class DistributedFailureTests : FailureContract
{
    private readonly TestDistributedCache _store;

    public DistributedFailureTests() => _store = new TestDistributedCache(Clock);

    [Fact]
    public async Task While_nobody_reads_the_engine_itself_finds_out_that_the_store_is_back()
    {
        var node = await StartAsync(_ => { });
        await FailAsync();
        for (var i = 0; i < 4; i++)
        {
            await new CountedFactory<int>(i).ReadAsync(node.Cache, $"key {i}");
        }

        Assert.Equal(["second_level"], node.OpenBreakers);
        await RecoverAsync();
        await UntilAsync(() => Task.FromResult(node.OpenBreakers.Count == 0), "the breaker closes");
    }

    private protected override async Task<Node> CreateAsync(Action<LarderOptions> configure)
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(Clock);
        services.AddSingleton<IDistributedCache>(_store);
        services.AddLarder(configure);
        var node = await CacheNode.StartAsync(services);
        return new Node(node.Cache, node.Services.GetRequiredService<LarderMetrics>(), node.DisposeAsync);
    }

    private protected override Task FailAsync()
    {
        _store.Failure = new IOException("away");
        return Task.CompletedTask;
    }

    private protected override Task RecoverAsync()
    {
        _store.Failure = null;
        return Task.CompletedTask;
    }
}

/// <summary>A Redis server that is killed and comes back with its data.</summary>
[NeedsServer(ServerKind.Redis)]
public sealed class KilledServerFailureTests : FailureContract
{
    private Server _server = null!;

    public override async Task InitializeAsync() => _server = await TestServers.StartNewAsync(ServerKind.Redis, new ServerOptions { Persistent = true });

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await _server.DisposeAsync();
    }

    [ContractFact]
    public async Task While_the_server_refuses_messages_alone_invalidations_hold_there_and_wait_for_the_other_nodes()
    {
        var one = await StartAsync(options => options.BackplaneTimeout = TimeSpan.FromSeconds(1));
        await _server.CommandAsync("ACL", "SETUSER", "default", "-publish");
        for (var i = 0; i < 50; i++)
        {
            await one.Cache.SetAsync($"key {i}", i);
        }

        Assert.Equal(["backplane"], one.OpenBreakers);
        Assert.Equal(50, one.Engine.PendingCount);
        await _server.CommandAsync("ACL", "SETUSER", "default", "+publish");
        await UntilAsync(() => Task.FromResult(one.Engine.PendingCount == 0 && one.OpenBreakers.Count == 0), "all is replayed");
    }

    private protected override async Task<Node> CreateAsync(Action<LarderOptions> configure)
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(Clock);

        // A busy machine must not look like a server that is away. One that is away refuses at once.
        services.AddLarder(options =>
        {
            options.SecondLevelTimeout = TimeSpan.FromSeconds(20);
            configure(options);
        }).UseRedis(_server.ConnectionString);
        var node = await CacheNode.StartAsync(services);
        return new Node(node.Cache, node.Services.GetRequiredService<LarderMetrics>(), node.DisposeAsync);
    }

    private protected override Task FailAsync() => _server.KillAsync();

    private protected override Task RecoverAsync() => _server.RestartAsync();
}
