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
internal sealed class BackplaneChannel : IAsyncDisposable
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
    private readonly long[] _sentAt = new long[16];
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

        _ = SendCollectedAsync();
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

    /// <summary>
    /// Whether a node that was heard before has not been for <paramref name="silence"/> milliseconds. It may have died between
    /// changing something and telling so. Each silence is reported once.
    /// </summary>
    public bool TakeSilentNodes(long silence)
    {
        lock (_lock)
        {
            var before = _clock.Now - silence;
            var silent = _heard.Where(node => node.Value.At < before).Select(node => node.Key).ToArray();
            foreach (var node in silent)
            {
                _heard.Remove(node);
            }

            return silent.Length != 0;
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
            _sentAt[(_sequence + 1) % _sentAt.Length] = _clock.Provider.GetTimestamp();
            var batch = new BackplaneBatch(Node, ++_sequence, _clock.Now, _subscription, messages);
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

    private void OnInterrupted(string cause)
    {
        lock (_lock)
        {
            _subscription++;
            _listeningSince = _clock.Now;
            _heard.Clear();
        }

        _listener!.OnInterrupted(cause);
    }

    private void OnReceived(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            if (BackplaneBatch.TryDecode(bytes.Span, out var batch))
            {
                Receive(batch);
            }
            else
            {
                _listener!.OnInterrupted("an unreadable message");
            }
        }
        catch (Exception exception)
        {
            // One message that cannot be worked off must not end the subscription, but it may have meant anything.
            if (_limiter.Admits(nameof(Log.BackgroundFailed), "message", out var suppressed))
            {
                _logger.BackgroundFailed(exception, suppressed);
            }

            _listener!.OnInterrupted("a message that could not be worked off");
        }
    }

    // Under the lock. Of the last few batches it is known to better than the clock's milliseconds when they were sent; one from before them is not measured.
    private void MeasureLag(long sequence)
    {
        if (_metrics.BackplaneLag.Enabled && sequence <= _sequence && sequence > _sequence - _sentAt.Length)
        {
            _metrics.BackplaneLag.Record(_clock.Provider.GetElapsedTime(_sentAt[sequence % _sentAt.Length]).TotalSeconds);
        }
    }

    private void Receive(BackplaneBatch batch)
    {
        if (batch.Node == Node)
        {
            // In one step with the comparison: a proof through the old subscription must not come after its interruption.
            lock (_lock)
            {
                if (batch.Subscription == _subscription)
                {
                    _ownHeard = batch.Sequence;
                    MeasureLag(batch.Sequence);
                    Volatile.Write(ref _lag, _clock.Now - batch.SentAt);
                    _listener!.OnHeard(batch.SentAt);
                    _ownHeardNext?.SetResult();
                    _ownHeardNext = null;
                }
            }

            return;
        }

        bool gap;
        lock (_lock)
        {
            var known = _heard.TryGetValue(batch.Node, out var last);

            // The same number again is a copy. A node that is new here though it has spoken before was missed from its first
            // word, unless this node has only begun to listen.
            gap = known
                ? batch.Sequence != last.Sequence + 1 && batch.Sequence != last.Sequence
                : batch.Sequence != 1 && _clock.Now - _listeningSince > _silence;
            _heard[batch.Node] = (known ? Math.Max(last.Sequence, batch.Sequence) : batch.Sequence, _clock.Now);

            // Nodes come and go. Forgetting them costs a doubt: the next batch of each counts as missed from its first word.
            if (_heard.Count > 10_000)
            {
                _heard.Clear();
            }
        }

        foreach (var message in batch.Messages)
        {
            if (message.Kind == MessageKind.Leaving)
            {
                lock (_lock)
                {
                    _heard.Remove(batch.Node);
                }
            }
            else
            {
                _listener!.OnMessage(message);
            }
        }

        if (gap)
        {
            Interlocked.Increment(ref _gaps);
            _metrics.BackplaneGaps.Add(1);
            _listener!.OnMissed("a gap in the numbers of a node");
        }
    }
}

/// <summary>What the engine does with what is heard.</summary>
internal interface IBackplaneListener
{
    void OnMessage(in BackplaneMessage message);

    /// <summary>Everything published before <paramref name="sentAt"/> (in the clock's milliseconds) has been heard.</summary>
    void OnHeard(long sentAt);

    /// <summary>Messages were missed, and messages arrive.</summary>
    void OnMissed(string cause);

    /// <summary>Messages may be being missed until the next proof of hearing.</summary>
    void OnInterrupted(string cause);

    /// <summary>The server may have lost what it had acknowledged.</summary>
    void OnServerRestored();
}
