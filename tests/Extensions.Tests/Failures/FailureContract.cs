using Larder.Diagnostics;
using Larder.Engine;
using Larder.Hybrid;
using Larder.Tests.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
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

        // The second load is the one that is answered: those that threw ran none.
        Assert.Equal(2, await ReadAgainAsync(() => values.ReadAsync(node.Cache, "key")));
        Assert.Equal(CacheResultKind.Missing, (await ReadAgainAsync(() => node.Cache.TryGetAsync<int>("missing"))).Kind);
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

    /// <summary>What a read gives as soon as it does not throw.</summary>
    /// <remarks>
    /// Not just once any other has been answered: the client tells of each of its connections that it is back, one later than the other, and with each a server may have taken
    /// over, which is not read until it has been told what was invalidated.
    /// </remarks>
    private async Task<T> ReadAgainAsync<T>(Func<ValueTask<T>> read)
    {
        T value = default!;
        await UntilAsync(
            async () =>
            {
                try
                {
                    value = await read();
                    return true;
                }
                catch (SecondLevelException)
                {
                    return false;
                }
            },
            "the server is read again");
        return value;
    }

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
