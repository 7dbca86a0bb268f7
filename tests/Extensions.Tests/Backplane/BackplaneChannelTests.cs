using System.Collections.Concurrent;
using Larder.Backplane;
using Larder.Diagnostics;
using Larder.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Larder.Tests.Backplane;

public sealed class BackplaneChannelTests : IAsyncDisposable
{
    private const long Other = 42;
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(5);

    private readonly SteppedClock _clock = new();
    private readonly TestTransport _transport = new();
    private readonly Listener _listener = new();
    private readonly LarderMetrics _metrics = new(null);
    private readonly BackplaneChannel _channel;

    public BackplaneChannelTests()
    {
        var clock = new EngineClock(_clock);
        _channel = new BackplaneChannel(
            _transport, clock, TimeSpan.FromMinutes(1), _metrics, new LogLimiter(clock), NullLogger.Instance, (long)Silence.TotalMilliseconds);
        _channel.Listen(_listener);
    }

    public async ValueTask DisposeAsync()
    {
        await _channel.DisposeAsync();
        _metrics.Dispose();
    }

    [Fact]
    public async Task However_often_it_takes_to_start_each_interruption_and_takeover_is_told_once()
    {
        _transport.Subscribing = () => Task.FromException(new IOException("away"));
        for (var attempt = 0; attempt < 3; attempt++)
        {
            await Assert.ThrowsAsync<IOException>(StartAsync);
        }

        _transport.Subscribing = null;
        await StartAsync();
        await StartAsync();
        _transport.Interrupt();
        _transport.Restore();

        Assert.Equal(["interrupted", "restored"], _listener.Heard);
    }

    [Fact]
    public async Task A_batch_that_comes_twice_is_no_gap()
    {
        await StartAsync();

        Hear(1);
        Hear(1);
        Hear(2);
        Hear(2);
        Hear(3);

        Assert.Empty(_listener.Heard);
    }

    [Fact]
    public async Task A_number_that_is_skipped_is_a_gap_and_so_is_its_batch_when_it_comes_late()
    {
        await StartAsync();

        Hear(1);
        Hear(3);
        Assert.Equal(["missed"], _listener.Heard);
        Hear(2);
        Assert.Equal(["missed", "missed"], _listener.Heard);
        Hear(4);
        Assert.Equal(["missed", "missed"], _listener.Heard);
    }

    [Fact]
    public async Task A_node_that_has_just_begun_to_speak_was_not_missed()
    {
        await StartAsync();
        _clock.Advance(Silence * 10);

        Hear(1);

        Assert.Empty(_listener.Heard);
    }

    [Fact]
    public async Task A_node_that_has_spoken_before_and_was_never_heard_was_missed()
    {
        await StartAsync();
        _clock.Advance(Silence + TimeSpan.FromMilliseconds(1));

        Hear(7);
        Assert.Equal(["missed"], _listener.Heard);
        Hear(8);
        Assert.Equal(["missed"], _listener.Heard);
    }

    [Fact]
    public async Task Who_has_only_begun_to_listen_has_missed_nobody()
    {
        // The time until the subscription stands does not count: nothing could be heard.
        _clock.Advance(Silence * 10);
        await StartAsync();
        _clock.Advance(Silence);

        Hear(7);

        Assert.Empty(_listener.Heard);
    }

    [Fact]
    public async Task Who_listens_anew_after_an_interruption_has_missed_nobody_since()
    {
        await StartAsync();
        Hear(1);
        _clock.Advance(Silence * 10);
        _transport.Interrupt();
        _clock.Advance(Silence);

        Hear(7);

        Assert.Equal(["interrupted"], _listener.Heard);
    }

    [Fact]
    public async Task A_heartbeat_proves_hearing_only_through_the_subscription_it_was_sent_through()
    {
        await StartAsync();
        var first = await SendHeartbeatAsync();
        var second = await SendHeartbeatAsync();
        _transport.Deliver(first);
        _transport.Interrupt();
        _transport.Deliver(second);
        Assert.Equal(["heard", "interrupted"], _listener.Heard);

        _transport.Deliver(await SendHeartbeatAsync());
        Assert.Equal(["heard", "interrupted", "heard"], _listener.Heard);
    }

    /// <summary>The heartbeat was found to be of the present subscription, and now that one ends.</summary>
    [Fact]
    public async Task An_interruption_is_not_told_before_a_proof_from_before_it()
    {
        await StartAsync();
        var heartbeat = await SendHeartbeatAsync();
        var interrupting = new Thread(_transport.Interrupt);
        _listener.BeforeHeard = () =>
        {
            // Until the interruption has been told, or waits for its turn.
            interrupting.Start();
            SpinWait.SpinUntil(() => !_listener.Heard.IsEmpty || interrupting.ThreadState.HasFlag(ThreadState.WaitSleepJoin), Poll.DefaultDeadline);
        };

        _transport.Deliver(heartbeat);
        interrupting.Join();

        Assert.Equal(["heard", "interrupted"], _listener.Heard);
    }

    [Fact]
    public async Task What_waits_for_the_batch_of_another_caller_is_not_said_in_the_name_of_that_one()
    {
        await StartAsync();
        var first = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var seen = new ConcurrentQueue<(string? Tenant, string? Activity)>();
        _transport.Publishing = () =>
        {
            seen.Enqueue((CacheScope.Current.Tenant, System.Diagnostics.Activity.Current?.OperationName));
            return seen.Count == 1 ? first.Task : Task.CompletedTask;
        };

        // The second waits for the first to be sent, and goes in the next batch.
        var sent = new[] { PublishAsync("acme"), PublishAsync("globex") };
        first.SetResult();
        await Task.WhenAll(sent);

        Assert.Equal([("acme", "acme"), (null, null)], seen);

        Task PublishAsync(string tenant)
        {
            using var activity = new System.Diagnostics.Activity(tenant).Start();
            using (CacheScope.Use(new CacheScope(tenant)))
            {
                return _channel.PublishAsync(BackplaneMessage.KeyChanged("scope", tenant));
            }
        }
    }

    private Task StartAsync() => _channel.StartAsync(CancellationToken.None);

    private void Hear(long sequence) => _transport.Deliver(new BackplaneBatch(Other, sequence, 0, 0, []));

    private async Task<BackplaneBatch> SendHeartbeatAsync()
    {
        Assert.Null(await _channel.SendHeartbeatAsync());
        return _transport.Published.Last();
    }

    private sealed class Listener : IBackplaneListener
    {
        public ConcurrentQueue<string> Heard { get; } = new();

        public Action? BeforeHeard { get; set; }

        public void OnMessage(in BackplaneMessage message) => Heard.Enqueue(message.Name);

        public void OnHeard(long sentAt)
        {
            BeforeHeard?.Invoke();
            Heard.Enqueue("heard");
        }

        public void OnMissed(string cause) => Heard.Enqueue("missed");

        public void OnInterrupted(string cause) => Heard.Enqueue("interrupted");

        public void OnServerRestored() => Heard.Enqueue("restored");
    }
}
