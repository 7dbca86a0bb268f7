using Larder.Diagnostics;
using Larder.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Larder.Tests.Engine;

public sealed class GuardedSecondLevelTests : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(1);
    private static readonly StoreTerms Terms = new(TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1), default);

    private readonly FakeTimeProvider _time = new();
    private readonly TestSecondLevel _level = new();
    private readonly LarderMetrics _metrics = new(null);
    private readonly GuardedSecondLevel _guarded;
    private int? _server = 0;

    public GuardedSecondLevelTests() =>
        _guarded = new GuardedSecondLevel(_level, new SecondLevelTimeouts(Timeout, Timeout, Timeout), _time, _metrics, NullLogger.Instance, () => _server);

    public void Dispose() => _metrics.Dispose();

    /// <summary>Whoever removed the key meanwhile did not wait for a write that was given up.</summary>
    [Fact]
    public async Task A_write_that_lands_after_it_was_given_up_is_removed()
    {
        var landing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _level.Before = (call, _) => call == "Set" ? landing.Task : Task.CompletedTask;
        var writing = _guarded.SetAsync(default, "key", new byte[64], Terms).AsTask();
        await _time.WaitForTimersAsync();
        _time.Advance(Timeout);
        Assert.False((await writing).Succeeded);
        Assert.True((await _guarded.RemoveAsync("key")).Succeeded);

        landing.SetResult();

        await Poll.UntilAsync(() => _level.Done.Count == 3, "the write has landed and what it left is removed");
        Assert.Equal([("Remove", "key"), ("Set", "key"), ("Remove", "key")], _level.Done);
        Assert.Empty(_level.Keys);
    }

    [Fact]
    public async Task A_write_that_fails_after_it_was_given_up_may_have_landed_and_is_removed()
    {
        var landing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _level.Before = (call, _) => call == "Set" ? landing.Task : Task.CompletedTask;
        var writing = _guarded.SetAsync(default, "key", new byte[64], Terms).AsTask();
        await _time.WaitForTimersAsync();
        _time.Advance(Timeout);
        Assert.False((await writing).Succeeded);

        landing.SetException(new IOException("the answer was lost"));

        await Poll.UntilAsync(() => !_level.Done.IsEmpty, "what it left is removed");
        Assert.Equal([("Remove", "key")], _level.Done);
    }

    /// <summary>Who answered may be the one that has taken over, and lack what the one before has acknowledged.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(null)]
    public async Task What_was_read_while_another_server_took_over_is_not_used(int? after)
    {
        await _level.SetAsync("key", new byte[64], Terms, CancellationToken.None);
        _level.Looked = () => _server = after;
        Assert.False((await _guarded.GetAsync("key", default)).Succeeded);
        Assert.False(_guarded.IsOpen);

        _level.Looked = null;
        Assert.Equal(after is not null, (await _guarded.GetAsync("key", default)).Succeeded);
        _server = 2;
        Assert.True((await _guarded.GetAsync("key", default)).Succeeded);
    }

    [Fact]
    public async Task While_a_server_has_yet_to_be_told_it_is_not_asked_what_it_holds_but_what_is_written_is_stamped()
    {
        _server = null;
        Assert.False((await _guarded.GetAsync("key", default)).Succeeded);
        Assert.Empty(_level.Done);

        Assert.True((await _guarded.GetStampAsync("group", TimeSpan.FromMinutes(1))).Succeeded);
        Assert.True((await _guarded.RemoveAsync("key")).Succeeded);
    }

    /// <summary>Nobody would give it back, and other nodes would wait for it.</summary>
    [Fact]
    public async Task A_lease_that_is_granted_while_another_server_takes_over_is_given_back()
    {
        var level = new TestSecondLevel(hasLeases: true) { Looked = () => _server = 1 };
        var guarded = new GuardedSecondLevel(level, new SecondLevelTimeouts(Timeout, Timeout, Timeout), _time, _metrics, NullLogger.Instance, () => _server);
        Assert.False((await guarded.TryLeaseAsync("key", 1, default)).Succeeded);

        level.Looked = null;
        await Poll.UntilAsync(async () => (await guarded.TryLeaseAsync("key", 2, default)).Value.Granted, "nobody holds it");
    }

    [Fact]
    public async Task What_is_in_this_process_is_forgotten_while_the_server_is_away()
    {
        _level.Before = (call, _) => call == "ForgetLocally" ? Task.CompletedTask : Task.FromException(new IOException("away"));
        while (!_guarded.IsOpen)
        {
            Assert.False((await _guarded.GetIdAsync("key")).Succeeded);
        }

        _guarded.ForgetLocally("key");

        Assert.Equal([("ForgetLocally", "key")], _level.Done);
    }

    /// <summary>What fails in this process says nothing about the server.</summary>
    [Fact]
    public async Task Forgetting_that_fails_does_not_keep_calls_from_the_server()
    {
        _level.Before = (call, _) => call == "ForgetLocally" ? Task.FromException(new InvalidOperationException("the wrapped cache fails")) : Task.CompletedTask;
        for (var i = 0; i < 100; i++)
        {
            _guarded.ForgetLocally("key");
        }

        Assert.True((await _guarded.RemoveAsync("key")).Succeeded);
    }
}
