using System.Threading.Channels;
using Larder.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Larder.Notifications;

/// <summary>Hands what happens to handlers, apart from where it happens: posting neither waits nor throws, whatever the handlers do.</summary>
internal sealed class HandlerQueue<T>
{
    public const int Capacity = 4_096;

    private readonly Lock _lock = new();
    private readonly string _subject;
    private readonly LogLimiter _limiter;
    private readonly ILogger _logger;
    private readonly Channel<T> _waiting;
    private Action<T>[] _handlers = [];
    private bool _isPumping;
    private long _dropped;

    public HandlerQueue(string subject, LogLimiter limiter, ILogger logger)
    {
        _subject = subject;
        _limiter = limiter;
        _logger = logger;

        // The newest is dropped: those that wait are in order.
        _waiting = Channel.CreateBounded<T>(
            new BoundedChannelOptions(Capacity) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true }, _ => Interlocked.Increment(ref _dropped));
    }

    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>Adds a handler. Says whether it is the first.</summary>
    public bool Add(Action<T> handler)
    {
        lock (_lock)
        {
            _handlers = [.. _handlers, handler];
            if (!_isPumping)
            {
                _isPumping = true;
                using (ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow())
                {
                    _ = Task.Run(PumpAsync);
                }
            }

            return _handlers.Length == 1;
        }
    }

    /// <summary>Takes a handler out. Says whether it was there and none is left.</summary>
    public bool Remove(Action<T> handler)
    {
        lock (_lock)
        {
            var at = Array.IndexOf(_handlers, handler);
            if (at >= 0)
            {
                _handlers = [.. _handlers[..at], .. _handlers[(at + 1)..]];
            }

            return at >= 0 && _handlers.Length == 0;
        }
    }

    public void Post(T item) => _waiting.Writer.TryWrite(item);

    /// <summary>What waits is still handed over, then it ends.</summary>
    public void Complete() => _waiting.Writer.TryComplete();

    private async Task PumpAsync()
    {
        await foreach (var item in _waiting.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            foreach (var handler in Volatile.Read(ref _handlers))
            {
                try
                {
                    handler(item);
                }
                catch (Exception exception)
                {
                    if (_limiter.Admits(nameof(Log.HandlerFailed), _subject, out var suppressed))
                    {
                        _logger.HandlerFailed(exception, _subject, suppressed);
                    }
                }
            }
        }
    }
}

/// <summary>Runs something once when it is disposed of.</summary>
internal sealed class Subscription(Action end) : IDisposable
{
    private Action? _end = end;

    public void Dispose() => Interlocked.Exchange(ref _end, null)?.Invoke();
}
