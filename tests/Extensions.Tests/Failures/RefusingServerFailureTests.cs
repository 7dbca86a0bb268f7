using Larder.Consistency.Levels;
using Larder.Diagnostics;
using Larder.Engine;
using Larder.Hybrid;
using Larder.Tests.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests.Failures;

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
        var engine = TestEngine.Create(level, transport, TestEngine.Patient + configure, Clock, metrics: metrics);
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
