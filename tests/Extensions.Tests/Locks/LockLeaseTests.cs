using Larder.Consistency.Levels;
using Larder.Engine;
using Larder.Locks;
using Larder.Tests.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Larder.Tests.Locks;

/// <summary>How long a holder may believe that it holds, to the tick, on a fake clock: a lease of 15 seconds, of which 13.5 count.</summary>
public sealed partial class LockLeaseTests : IAsyncDisposable
{
    private static readonly TimeSpan SecondLevelTimeout = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    private readonly FakeTimeProvider _time = new();
    private readonly FakeLockServer _server;
    private readonly CacheEngine _engine;
    private readonly LockStore _first;
    private readonly LockStore _second;

    public LockLeaseTests()
    {
        _server = new FakeLockServer(_time);
        _engine = TestEngine.Create(new TestSecondLevel(), null, options => options.SecondLevelTimeout = SecondLevelTimeout, _time);
        _first = new LockStore(_engine, _server, true, NullLogger.Instance);
        _second = new LockStore(_engine, _server, true, NullLogger.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        await _first.DisposeAsync();
        await _second.DisposeAsync();
        await _engine.DisposeAsync();
    }

    [Fact]
    public async Task It_is_prolonged_every_third_of_its_lease_for_as_long_as_it_is_held()
    {
        await using (var held = await Of(_first).AcquireAsync("lock"))
        {
            for (var seconds = 1; seconds <= 300; seconds++)
            {
                await AdvanceAsync(1);
                await Poll.UntilAsync(() => _server.Renewals == seconds / 5, "as many renewals as thirds of the lease have passed");
                await TakenInAsync(held);
                Assert.True(held.IsHeld);
            }

            Assert.Null(await Of(_second).TryAcquireAsync("lock"));
        }

        await AdvanceAsync(60);
        Assert.Equal(60, _server.Renewals);
        Assert.NotNull(await Of(_second).TryAcquireAsync("lock"));
    }

    [Fact]
    public async Task A_holder_that_hears_nothing_is_told_before_the_server_gives_the_lock_to_another()
    {
        var held = await Of(_first).AcquireAsync("lock");
        var acquiring = Of(_second).AcquireAsync("lock").AsTask();
        await AdvanceAsync(5);
        await Poll.UntilAsync(() => _server.Renewals == 1, "the first renewal");
        await TakenInAsync(held);
        var answers = new TaskCompletionSource();
        _server.Answers = answers.Task;

        // Renewed at 5, answered; at 10 the server prolongs it again, and the answer is lost. So the holder counts from 5.
        await AdvanceAsync(5 + 8);
        await Poll.UntilAsync(() => _server.Renewals >= 2, "the second renewal");
        _time.Advance(TimeSpan.FromMilliseconds(499));
        Assert.True(held.IsHeld);
        Assert.True(_server.IsHeld);
        _time.Advance(Tick);
        Assert.True(held.LostToken.IsCancellationRequested);
        Assert.False(held.IsHeld);
        Assert.True(_server.IsHeld);
        Assert.False(acquiring.IsCompleted);

        answers.SetResult();
        await held.DisposeAsync();
        await using var next = await acquiring;
        Assert.True(next.IsHeld);
    }

    [Fact]
    public async Task Time_counts_from_before_the_command_was_sent_however_late_its_answer_comes()
    {
        var answers = new TaskCompletionSource();
        _server.Answers = answers.Task;
        var acquiring = Of(_first).AcquireAsync("lock").AsTask();
        await Poll.UntilAsync(() => _server.Asked == 1, "the server is asked");
        await AdvanceAsync(10);
        answers.SetResult();
        var held = await acquiring;
        answers = new TaskCompletionSource();
        _server.Answers = answers.Task;
        _time.Advance(TimeSpan.FromMilliseconds(3_499));
        Assert.True(held.IsHeld);

        _time.Advance(Tick);
        Assert.True(held.LostToken.IsCancellationRequested);
        answers.SetResult();
        await held.DisposeAsync();
    }

    [Fact]
    public async Task A_renewal_counts_from_before_it_was_sent_too()
    {
        var held = await Of(_first).AcquireAsync("lock");
        var answers = new TaskCompletionSource();
        _server.Answers = answers.Task;
        await AdvanceAsync(5);
        await Poll.UntilAsync(() => _server.Renewals == 1, "the renewal is sent");
        await AdvanceAsync(3);
        _server.Answers = Task.FromException(new InvalidOperationException("no answer"));
        answers.SetResult();
        await TakenInAsync(held);

        // Sent at 5 and answered at 8, so it is proven until 18.5.
        await AdvanceAsync(10);
        Assert.True(held.IsHeld);
        await AdvanceAsync(1);
        Assert.True(held.LostToken.IsCancellationRequested);
        await held.DisposeAsync();
    }

    [Fact]
    public async Task A_lock_whose_answer_took_longer_than_its_lease_is_given_back_and_asked_for_again()
    {
        var answers = new TaskCompletionSource();
        _server.Answers = answers.Task;
        var acquiring = Of(_first).AcquireAsync("lock").AsTask();
        await Poll.UntilAsync(() => _server.Asked == 1, "the server is asked");
        await AdvanceAsync(14);
        answers.SetResult();
        await using var held = await acquiring;

        Assert.Equal((2, 2L), (_server.Asked, held.FencingToken));
        Assert.True(held.IsHeld);
    }

    [Fact]
    public async Task An_answer_that_comes_after_the_loss_does_not_bring_the_lock_back()
    {
        await using var held = await Of(_first).AcquireAsync("lock");
        var answers = new TaskCompletionSource();
        _server.Answers = answers.Task;
        await AdvanceAsync(13);
        Assert.True(held.IsHeld);
        _time.Advance(TimeSpan.FromMilliseconds(500));
        Assert.True(held.LostToken.IsCancellationRequested);
        answers.SetResult();
        await TakenInAsync(held);

        Assert.False(held.IsHeld);
        await held.DisposeAsync();
        Assert.False(_server.IsHeld);
    }

    [Fact]
    public async Task What_the_server_has_lost_is_lost_with_the_next_renewal_and_the_next_caller_of_this_process_asks_again()
    {
        await using var held = await Of(_first).AcquireAsync("lock");
        var acquiring = Of(_first).AcquireAsync("lock").AsTask();
        var seen = false;
        held.LostToken.Register(() => seen = !acquiring.IsCompleted);
        _server.Forget();
        await AdvanceAsync(5);
        await using var next = await acquiring;

        Assert.True(seen);
        Assert.Equal(2, next.FencingToken);
    }

    [Fact]
    public async Task Nobody_of_this_process_gets_the_name_while_the_holder_is_being_told()
    {
        await using var held = await Of(_first).AcquireAsync("lock");
        Task<ICacheLock?>? meanwhile = null;
        held.LostToken.Register(() => meanwhile = Of(_first).TryAcquireAsync("lock").AsTask());
        _server.Forget();
        await AdvanceAsync(5);
        await Poll.UntilAsync(() => meanwhile is not null, "the holder is told");

        Assert.Null(await meanwhile!);
        await Poll.UntilAsync(() => _first.Count == 0, "the name is free");
    }

    [Fact]
    public async Task A_failed_renewal_is_tried_again_soon()
    {
        await using var held = await Of(_first).AcquireAsync("lock");
        _server.Answers = Task.FromException(new InvalidOperationException("no answer"));
        await AdvanceAsync(5);
        await Poll.UntilAsync(() => _server.Renewals == 1, "the first attempt");
        await _time.WaitForTimersAsync();
        _server.Answers = Task.CompletedTask;
        await Poll.UntilAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromMilliseconds(50));
                return _server.Renewals == 2;
            },
            "the second");

        Assert.InRange(_time.GetUtcNow() - new FakeTimeProvider().GetUtcNow(), TimeSpan.FromSeconds(6.5), TimeSpan.FromSeconds(8));
        Assert.True(held.IsHeld);
    }

    [Fact]
    public async Task A_release_wakes_who_waits_without_waiting_for_its_poll()
    {
        var held = await Of(_first).AcquireAsync("lock");
        var acquiring = Of(_second).AcquireAsync("lock").AsTask();
        await Poll.UntilAsync(() => _server.Asked == 2, "the second asks");
        await held.DisposeAsync();

        await using var next = await acquiring.WaitAsync(Poll.DefaultDeadline);
        Assert.Equal(2, next.FencingToken);
    }

    [Fact]
    public async Task A_release_wakes_who_waits_on_another_node_without_waiting_for_its_poll()
    {
        var bus = new MemoryBus();
        await using var here = TestEngine.Create(new TestSecondLevel(), bus.Connect(), null, _time);
        await using var there = TestEngine.Create(new TestSecondLevel(), bus.Connect(), null, _time);
        await using var holding = new LockStore(here, _server, true, NullLogger.Instance);
        await using var waiting = new LockStore(there, _server, true, NullLogger.Instance);
        await Poll.UntilAsync(() => here.IsTrusted && there.IsTrusted, "the nodes hear each other");
        var held = await Of(holding).AcquireAsync("lock");
        var acquiring = Of(waiting).AcquireAsync("lock").AsTask();
        await Poll.UntilAsync(() => _server.Asked == 2, "the second asks");
        await held.DisposeAsync();

        // Time stands still, so nobody polls.
        await using var next = await acquiring.WaitAsync(Poll.DefaultDeadline);
        Assert.Equal(2, next.FencingToken);
    }

    [Fact]
    public async Task Many_who_wait_in_one_process_ask_the_server_like_one_and_ever_more_seldom()
    {
        await using var held = await Of(_first).AcquireAsync("lock", new CacheLockOptions { LeaseDuration = TimeSpan.FromMinutes(10) });
        var waits = Enumerable.Range(0, 500).Select(_ => Of(_second).AcquireAsync("lock").AsTask()).ToArray();
        await Poll.UntilAsync(() => _server.Asked == 2, "one of them asks");
        for (var i = 0; i < 60 * 4; i++)
        {
            // Two timers are the holder's and one the engine's; by the fourth the one who asks waits to ask again.
            await _time.WaitForTimersAsync(4);
            _time.Advance(TimeSpan.FromMilliseconds(250));
        }

        Assert.InRange(_server.Asked, 10, 80);
        Assert.All(waits, wait => Assert.False(wait.IsCompleted));
    }

    [Fact]
    public async Task A_handler_of_the_loss_that_fails_does_no_harm()
    {
        await using var held = await Of(_first).AcquireAsync("lock");
        held.LostToken.Register(() => throw new InvalidOperationException("handler"));
        _server.Forget();
        await AdvanceAsync(5);

        await Poll.UntilAsync(() => held.LostToken.IsCancellationRequested, "the loss is noticed");
        await using var next = await Of(_first).AcquireAsync("lock");
        Assert.True(next.IsHeld);
    }

    [Fact]
    public async Task A_process_that_was_suspended_finds_out_by_its_clock_before_any_timer_has_run()
    {
        var clock = new SteppedClock();
        await using var engine = TestEngine.Create(new TestSecondLevel(), null, null, clock);
        await using var store = new LockStore(engine, _server, true, NullLogger.Instance);
        await using var held = await Of(store).AcquireAsync("lock", new CacheLockOptions { LeaseDuration = TimeSpan.FromMinutes(10) });
        clock.Advance(TimeSpan.FromMinutes(9) - TimeSpan.FromTicks(1));
        Assert.True(held.IsHeld);
        clock.Advance(TimeSpan.FromTicks(1));

        Assert.False(held.IsHeld);
        Assert.True(held.LostToken.IsCancellationRequested);
    }

    private static CacheLocks Of(LockStore store) => new(store, null);

    private static Task TakenInAsync(ICacheLock held) => Poll.UntilAsync(() => !((HeldLock)held).IsRenewing, "the answer has been taken in");

    // By small steps, with room for what each has set off: a timer that is set by a continuation must stand before time goes on.
    private async Task AdvanceAsync(int seconds)
    {
        for (var i = 0; i < seconds * 4; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(250));
            await Task.Delay(1);
        }
    }
}
