using Larder.Backplane;
using Larder.Diagnostics;
using Larder.Engine;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Larder.Tests.Backplane;

/// <summary>What health checks ask of the backplane: whether this node hears itself, how late, and what it has missed.</summary>
public sealed class BackplaneEchoTests : IAsyncDisposable
{
    private readonly SteppedClock _clock = new();
    private readonly TestTransport _transport = new();
    private readonly LarderMetrics _metrics = new(null);
    private readonly BackplaneChannel _channel;

    public BackplaneEchoTests()
    {
        var clock = new EngineClock(_clock);
        _channel = new BackplaneChannel(_transport, clock, TimeSpan.FromMinutes(1), _metrics, new LogLimiter(clock), NullLogger.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        await _channel.DisposeAsync();
        _metrics.Dispose();
    }

    [Fact]
    public async Task An_echo_is_this_nodes_own_word_of_after_the_call_and_through_the_present_subscription()
    {
        _channel.Listen(new Deaf());
        await _channel.StartAsync(CancellationToken.None);
        Assert.Null(await _channel.SendHeartbeatAsync());
        var before = _transport.Published.Last();
        var echo = _channel.EchoAsync(CancellationToken.None);
        var own = _transport.Published.Last();

        _transport.Deliver(before);
        _transport.Deliver(own with { Node = own.Node + 1 });
        Assert.False(echo.IsCompleted);

        // Said through the subscription that was interrupted, it proves nothing of this one; a later word does.
        _transport.Interrupt();
        _transport.Deliver(own);
        Assert.False(echo.IsCompleted);
        Assert.Null(await _channel.SendHeartbeatAsync());
        _transport.Deliver(_transport.Published.Last());
        Assert.Null(await echo.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public async Task An_echo_serves_all_who_wait_and_who_leaves_takes_nobody_along()
    {
        _channel.Listen(new Deaf());
        await _channel.StartAsync(CancellationToken.None);
        using var leaving = new CancellationTokenSource();
        var left = _channel.EchoAsync(leaving.Token);
        var stays = _channel.EchoAsync(CancellationToken.None);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);

        _transport.Deliver(_transport.Published.Last());
        Assert.Null(await stays.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public async Task The_lag_is_measured_from_sending_to_hearing_each_word_by_its_own()
    {
        using var measured = new Measurements(_metrics);
        _channel.Listen(new Deaf());
        await _channel.StartAsync(CancellationToken.None);
        for (var i = 0; i < 2; i++)
        {
            Assert.Null(await _channel.SendHeartbeatAsync());
            _clock.Advance(TimeSpan.FromTicks(5_000));
        }

        foreach (var word in _transport.Published.ToArray())
        {
            _transport.Deliver(word);
        }

        Assert.Equal(0.0015, measured.Sum("larder.backplane.lag"), 7);
        Assert.Equal(2, measured.Count("larder.backplane.lag"));
    }

    [Fact]
    public async Task A_word_that_comes_back_after_many_others_is_not_measured()
    {
        using var measured = new Measurements(_metrics);
        _channel.Listen(new Deaf());
        await _channel.StartAsync(CancellationToken.None);
        for (var i = 0; i < 17; i++)
        {
            Assert.Null(await _channel.SendHeartbeatAsync());
        }

        _transport.Deliver(_transport.Published.First());
        Assert.Equal(0, measured.Count("larder.backplane.lag"));
        _transport.Deliver(_transport.Published.ElementAt(1));
        Assert.Equal(1, measured.Count("larder.backplane.lag"));
    }

    [Fact]
    public async Task What_cannot_be_sent_is_not_waited_for()
    {
        _channel.Listen(new Deaf());
        await _channel.StartAsync(CancellationToken.None);
        _transport.Fails = true;

        Assert.IsType<TimeoutException>(await _channel.EchoAsync(CancellationToken.None));
    }

    [Fact]
    public async Task The_lag_is_the_age_of_the_last_own_word_and_gaps_are_counted()
    {
        _channel.Listen(new Deaf());
        await _channel.StartAsync(CancellationToken.None);
        Assert.Null(await _channel.SendHeartbeatAsync());
        _clock.Advance(TimeSpan.FromMilliseconds(70));
        _transport.Deliver(_transport.Published.Last());
        Assert.Equal(70, _channel.Lag);

        foreach (var sequence in (long[])[1, 2, 4, 5, 9])
        {
            _transport.Deliver(new BackplaneBatch(_channel.Node + 1, sequence, 0, 0, []));
        }

        Assert.Equal(2, _channel.Gaps);
    }

    private sealed class Deaf : IBackplaneListener
    {
        public void OnMessage(in BackplaneMessage message)
        {
        }

        public void OnHeard(long sentAt)
        {
        }

        public void OnMissed(string cause)
        {
        }

        public void OnInterrupted(string cause)
        {
        }

        public void OnServerRestored()
        {
        }
    }
}
