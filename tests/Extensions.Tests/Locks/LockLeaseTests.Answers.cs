using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests.Locks;

/// <summary>Answers to who wants the lock that come late, or never, or when nobody wants them any more.</summary>
public sealed partial class LockLeaseTests
{
    [Fact]
    public async Task Who_cancels_while_the_server_answers_does_not_keep_what_it_gives()
    {
        var answers = new TaskCompletionSource();
        _server.Answers = answers.Task;
        using var cancellation = new CancellationTokenSource();
        var acquiring = Of(_first).AcquireAsync("lock", null, cancellation.Token).AsTask();
        await Poll.UntilAsync(() => _server.IsHeld, "the server has given the lock");
        await cancellation.CancelAsync();
        answers.SetResult();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => acquiring);

        Assert.False(_server.IsHeld);
        Assert.Equal(0, _first.Count);
    }

    [Fact]
    public async Task An_answer_that_was_given_up_is_an_exception_and_the_lock_is_given_back_when_it_comes()
    {
        var answers = new TaskCompletionSource();
        _server.Answers = answers.Task;
        await GiveUpAsync();
        Assert.True(_server.IsHeld);
        Assert.Equal(0, _first.Count);

        answers.SetResult();
        await Poll.UntilAsync(() => !_server.IsHeld, "what came late is given back");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Answers_that_always_take_longer_than_the_lease_end_with_the_timeout_and_leave_nothing_behind(bool waits)
    {
        _server.Late = TimeSpan.FromSeconds(20);
        var acquiring = waits
            ? Of(_first).AcquireAsync("lock", new CacheLockOptions { Timeout = TimeSpan.FromSeconds(90) }).AsTask()
            : Of(_first).TryAcquireAsync("lock").AsTask()!;

        // At 0, 20, 40, 60 and 80 seconds; what would be asked for then comes after the end.
        var times = waits ? 5 : 1;
        for (var i = 1; i <= times; i++)
        {
            await Poll.UntilAsync(() => _server.PutOff == i, "the server is asked");
            _time.Advance(_server.Late);
        }

        await Assert.ThrowsAsync<SecondLevelException>(() => acquiring.WaitAsync(Poll.DefaultDeadline));
        Assert.Equal(times, _server.Asked);
        Assert.False(_server.IsHeld);
        Assert.Equal(0, _first.Count);
    }

    [Fact]
    public async Task A_lock_whose_answer_was_lost_is_given_back()
    {
        _server.Answers = Task.FromException(new TimeoutException("the client gave up"));
        var acquiring = Of(_first).AcquireAsync("lock", new CacheLockOptions { LeaseDuration = TimeSpan.FromMinutes(10) });
        await Assert.ThrowsAsync<SecondLevelException>(() => acquiring.AsTask());
        await Poll.UntilAsync(() => !_server.IsHeld, "what the server gave is given back");
        Assert.Equal(0, _first.Count);
    }

    [Fact]
    public async Task What_comes_late_is_given_back_also_while_the_server_is_not_asked_because_it_failed()
    {
        var answers = new TaskCompletionSource();
        _server.Answers = answers.Task;
        await GiveUpAsync();
        _server.Answers = Task.FromException(new InvalidOperationException("no answer"));
        for (var i = 0; i < 5; i++)
        {
            await Assert.ThrowsAsync<SecondLevelException>(async () => await Of(_second).TryAcquireAsync("another"));
        }

        Assert.True(_engine.SecondLevelGuard!.IsOpen);
        _server.Answers = Task.CompletedTask;
        answers.SetResult();
        await Poll.UntilAsync(() => !_server.IsHeld, "what came late is given back");
    }

    // Asks for the lock until no answer is awaited any more.
    private async Task GiveUpAsync()
    {
        var acquiring = Of(_first).AcquireAsync("lock", new CacheLockOptions { LeaseDuration = TimeSpan.FromMinutes(10) }).AsTask();
        await Poll.UntilAsync(() => _server.Asked == 1, "the server is asked");

        // For as long as an answer is awaited, and no longer: the lease goes on.
        _time.Advance(SecondLevelTimeout);
        await Assert.ThrowsAsync<SecondLevelException>(() => acquiring.WaitAsync(Poll.DefaultDeadline));
    }
}
