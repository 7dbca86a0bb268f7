using System.Security.Cryptography;
using Larder.Diagnostics;
using Larder.Engine;
using Microsoft.Extensions.Logging;

namespace Larder.Backplane;

/// <summary>
/// This node's end of the backplane: numbers and batches what it says, and tells from what it hears whether anything
/// was missed.
/// </summary>
/// <remarks>
/// <para><b>Batching.</b> While one batch is on its way to the server, what is said collects for the next. Nothing waits
/// for a timer, and under load a batch holds what came up within one round trip.</para>
/// <para><b>Gaps.</b> Each batch of a node carries the next number. A number that is skipped means a batch was missed; a
/// heartbeat carries a number too, so the last batch before a pause is not missed for long.</para>
/// <para><b>Proof of hearing.</b> A node hears its own heartbeats. One that comes back proves that whatever the server
/// published before it has been heard too, because a subscription keeps the order. It counts from the moment it was sent,
/// and only if it was sent through the present subscription.</para>
/// <para><b>Failures.</b> A batch that the server has not taken in time counts as not sent. When that happens again and again the
/// breaker opens, and what is said fails at once: messages may be dead while data is alive, so it is a breaker of their own.
/// A heartbeat may be what finds out that they can be sent again.</para>
/// </remarks>
internal sealed partial class BackplaneChannel : IAsyncDisposable
{
    public const string BreakerName = "backplane";

    private const int MaximumBatch = 1_000;

    private readonly IBackplaneTransport _transport;
    private readonly EngineClock _clock;
    private readonly TimeSpan _timeout;
    private readonly LogLimiter _limiter;
    private readonly ILogger _logger;
    private readonly LarderMetrics _metrics;
    private readonly long _silence;
    private readonly BackplaneLag _measuredLag;
    private readonly Lock _lock = new();
    private readonly Dictionary<long, (long Sequence, long At)> _heard = [];
    private List<BackplaneMessage> _collecting = [];
    private TaskCompletionSource<Exception?> _collectingSent = NewCompletion();
    private bool _sending;
    private long _sequence;
    private int _subscription;
    private long _listeningSince;
    private long _ownHeard;
    private long _lag;
    private long _gaps;
    private TaskCompletionSource? _ownHeardNext;
    private IBackplaneListener? _listener;

    public BackplaneChannel(
        IBackplaneTransport transport, EngineClock clock, TimeSpan timeout, LarderMetrics metrics, LogLimiter limiter, ILogger logger, long silence = 5_000)
    {
        _transport = transport;
        _clock = clock;
        _timeout = timeout;
        _limiter = limiter;
        _logger = logger;
        _metrics = metrics;
        _measuredLag = new BackplaneLag(clock.Provider, metrics);
        _silence = silence;
        _listeningSince = clock.Now;
        Guard = new Guard(BreakerName, timeout, metrics.BackplaneFailures, logger.BackplaneLost, logger.BackplaneBack, clock.Provider);
    }

    public Guard Guard { get; }

    /// <summary>This node, as the others know it; drawn anew in each process.</summary>
    public long Node { get; } = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(8));

    /// <summary>How many messages wait to be sent.</summary>
    public int QueueLength
    {
        get
        {
            lock (_lock)
            {
                return _collecting.Count;
            }
        }
    }

    /// <summary>How many milliseconds this node's last word took to come back, by the coarse clock.</summary>
    public long Lag => Volatile.Read(ref _lag);

    /// <summary>How many batches of other nodes showed that one before them was missed.</summary>
    public long Gaps => Volatile.Read(ref _gaps);

    /// <summary>The other nodes that are being heard, and when each was last, in the clock's milliseconds.</summary>
    public IReadOnlyList<(long Node, long At)> Heard
    {
        get
        {
            lock (_lock)
            {
                return [.. _heard.Select(static node => (node.Key, node.Value.At))];
            }
        }
    }

    /// <summary>Tells a listener what becomes of the connection. To be called once, before anything is sent to the server.</summary>
    public void Listen(IBackplaneListener listener)
    {
        _listener = listener;
        _transport.Interrupted += OnInterrupted;
        _transport.Restored += listener.OnServerRestored;
    }

    /// <summary>Begins to hear the other nodes. Can be called again if it failed.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await _transport.SubscribeAsync(OnReceived, cancellationToken).ConfigureAwait(false);
        lock (_lock)
        {
            _listeningSince = _clock.Now;
        }
    }

    /// <summary>
    /// Tells the other nodes. Ends when the server has taken the batch that holds the message, or with the reason why it has not.
    /// While one batch is under way the next waits for it, so that may take two timeouts.
    /// </summary>
    public Task<Exception?> PublishAsync(BackplaneMessage message)
    {
        Task<Exception?> sent;
        lock (_lock)
        {
            _collecting.Add(message);
            sent = _collectingSent.Task;
            if (_sending)
            {
                return sent;
            }

            _sending = true;
        }

        // What others say meanwhile goes on in here, which must not pass for a part of this call.
        using (ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow())
        {
            _ = SendCollectedAsync();
        }

        return sent;
    }

    /// <summary>Sends a sign of life to all nodes, this one included. Says why the server has not taken it, if it has not.</summary>
    public async Task<Exception?> SendHeartbeatAsync() => (await SendAsync([]).ConfigureAwait(false)).Failure;

    /// <summary>
    /// Sends a sign of life and ends when it has come back, or anything that this node has said after it; or with the reason why
    /// it was not sent.
    /// </summary>
    public async Task<Exception?> EchoAsync(CancellationToken cancellationToken)
    {
        long before;
        lock (_lock)
        {
            before = _sequence;
        }

        if (await SendHeartbeatAsync().WaitAsync(cancellationToken).ConfigureAwait(false) is { } failure)
        {
            return failure;
        }

        while (true)
        {
            Task next;
            lock (_lock)
            {
                if (_ownHeard > before)
                {
                    return null;
                }

                next = (_ownHeardNext ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            await next.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_listener is not null)
        {
            await ((Task)PublishAsync(new BackplaneMessage(MessageKind.Leaving, "", "")))
                .WaitAsync(TimeSpan.FromMilliseconds(250), _clock.Provider).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        _transport.Interrupted -= OnInterrupted;
        if (_listener is not null)
        {
            _transport.Restored -= _listener.OnServerRestored;
        }

        await _transport.DisposeAsync().ConfigureAwait(false);
    }

    private static TaskCompletionSource<Exception?> NewCompletion() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task SendCollectedAsync()
    {
        while (true)
        {
            IReadOnlyList<BackplaneMessage> batch;
            TaskCompletionSource<Exception?> sent;
            lock (_lock)
            {
                if (_collecting.Count == 0)
                {
                    _sending = false;
                    return;
                }

                if (_collecting.Count <= MaximumBatch)
                {
                    batch = _collecting;
                    sent = _collectingSent;
                    _collecting = [];
                    _collectingSent = NewCompletion();
                }
                else
                {
                    // The completion goes with the rest, so that everyone waits for the last part.
                    batch = _collecting[..MaximumBatch];
                    sent = NewCompletion();
                    _collecting.RemoveRange(0, MaximumBatch);
                }
            }

            var answer = await SendAsync(batch).ConfigureAwait(false);
            sent.SetResult(answer.Failure);
            if (!answer.Succeeded)
            {
                FailCollected(answer.Failure);
            }
        }
    }

    private ValueTask<Answer<bool>> SendAsync(IReadOnlyList<BackplaneMessage> messages) =>
        Guard.RunAsync(static s => s.channel.TransmitAsync(s.messages), (channel: this, messages), _timeout);

    // Numbered and sent under the lock: numbers are in the order of sending, and what the breaker refuses has none, so that it does
    // not look like a gap. Should two batches overtake each other on the way all the same, the receiver takes that for a gap, which
    // costs a look and no more.
    private Task<bool> TransmitAsync(IReadOnlyList<BackplaneMessage> messages)
    {
        lock (_lock)
        {
            _measuredLag.Sent(++_sequence);
            var batch = new BackplaneBatch(Node, _sequence, _clock.Now, _subscription, messages);
            return SentAsync(_transport.PublishAsync(batch.Encode(), CancellationToken.None));
        }

        static async Task<bool> SentAsync(Task published)
        {
            await published.ConfigureAwait(false);
            return true;
        }
    }

    // After a failure everything that has been collected fails too: its callers keep it for a replay, rather than each
    // batch running into the same timeout in turn.
    private void FailCollected(Exception? failure)
    {
        TaskCompletionSource<Exception?> failed;
        lock (_lock)
        {
            failed = _collectingSent;
            _collecting = [];
            _collectingSent = NewCompletion();
        }

        failed.SetResult(failure);
    }
}
