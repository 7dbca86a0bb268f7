using System.Diagnostics;

namespace Larder.Consistency.Checking;

/// <summary>
/// Notes when this process could not run: a machine with more work than cores delays messages like anything else, and
/// that is no fault of the cache's.
/// </summary>
internal sealed class StallWatch : IDisposable
{
    private static readonly TimeSpan Worth = TimeSpan.FromMilliseconds(50);

    private readonly int _node;
    private readonly TimeSpan _grace;
    private readonly List<Disturbance> _stalls = [];
    private readonly Thread _thread;
    private volatile bool _stopped;

    public StallWatch(int node, TimeSpan grace)
    {
        _node = node;
        _grace = grace;
        _thread = new Thread(Watch) { IsBackground = true, Name = "stall watch" };
        _thread.Start();
    }

    public void AddTo(History history)
    {
        lock (_stalls)
        {
            history.Disturbances.AddRange(_stalls);
        }
    }

    public void Dispose()
    {
        _stopped = true;
        _thread.Join();
    }

    // Both the thread and the pool have to come to their turn.
    private void Watch()
    {
        using var ran = new ManualResetEventSlim();
        while (!_stopped)
        {
            var from = Stopwatch.GetTimestamp();
            Thread.Sleep(5);
            ran.Reset();
            ThreadPool.UnsafeQueueUserWorkItem(static set => set.Set(), ran, preferLocal: false);
            ran.Wait();
            var to = Stopwatch.GetTimestamp();
            if (Stopwatch.GetElapsedTime(from, to) > Worth)
            {
                lock (_stalls)
                {
                    _stalls.Add(new Disturbance("stall", _node, from, to, _grace));
                }
            }
        }
    }
}
