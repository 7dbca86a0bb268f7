using System.IO.Pipelines;

namespace Pipelines.Sockets.Unofficial;

/// <summary>
/// Runs work on a few threads of its own, so that replies are read even when the thread pool is exhausted by
/// callers that wait for them. A long queue overflows to the thread pool, in case all workers are blocked.
/// </summary>
public sealed class DedicatedThreadPoolPipeScheduler : PipeScheduler, IDisposable
{
    private readonly Queue<(Action<object?> Action, object? State)> _queue = new();
    private readonly int _overflowAt;
    private int _idle;
    private bool _disposed;
    private long _byQueue;
    private long _byPool;

    public DedicatedThreadPoolPipeScheduler(
        string? name = null,
        int workerCount = 5,
        int useThreadPoolQueueLength = 10,
        ThreadPriority priority = ThreadPriority.Normal)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(workerCount);
        WorkerCount = workerCount;
        _overflowAt = useThreadPoolQueueLength;
        Name = string.IsNullOrWhiteSpace(name) ? nameof(DedicatedThreadPoolPipeScheduler) : name;
        for (var i = 0; i < workerCount; i++)
        {
            // UnsafeStart: the creator's async locals must not live as long as the threads.
            new Thread(Work) { IsBackground = true, Name = $"{Name} {i}", Priority = priority }.UnsafeStart();
        }
    }

    public string Name { get; }

    public int WorkerCount { get; }

    public int AvailableCount => Volatile.Read(ref _idle);

    public long TotalServicedByQueue => Interlocked.Read(ref _byQueue);

    public long TotalServicedByPool => Interlocked.Read(ref _byPool);

    public override void Schedule(Action<object?> action, object? state)
    {
        ArgumentNullException.ThrowIfNull(action);
        lock (_queue)
        {
            if (!_disposed && _queue.Count < _overflowAt)
            {
                _queue.Enqueue((action, state));
                Monitor.Pulse(_queue);
                return;
            }
        }

        // Also after disposal: connections outlive their scheduler, and dropping their work would hang them.
        Interlocked.Increment(ref _byPool);
        System.Threading.ThreadPool.UnsafeQueueUserWorkItem(action, state, preferLocal: false);
    }

    /// <summary>Lets the workers end once they have run what is queued.</summary>
    public void Dispose()
    {
        lock (_queue)
        {
            _disposed = true;
            Monitor.PulseAll(_queue);
        }
    }

    private void Work()
    {
        while (TryTake(out var item))
        {
            // As on the thread pool, an exception here is a bug and ends the process; continuations never throw.
            item.Action(item.State);
            Interlocked.Increment(ref _byQueue);
        }
    }

    private bool TryTake(out (Action<object?> Action, object? State) item)
    {
        lock (_queue)
        {
            while (!_queue.TryDequeue(out item))
            {
                if (_disposed)
                {
                    return false;
                }

                _idle++;
                Monitor.Wait(_queue);
                _idle--;
            }

            return true;
        }
    }
}
