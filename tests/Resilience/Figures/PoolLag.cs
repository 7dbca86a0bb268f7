using System.Diagnostics;

namespace Larder.Resilience.Figures;

/// <summary>Measures how late the thread pool comes to a timer, beside the callers: on a busy machine every call is as late.</summary>
internal sealed class PoolLag : IAsyncDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(5);

    private readonly long[] _worst = new long[Enum.GetValues<Phase>().Length];
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _watching;

    public PoolLag(PhaseClock clock) => _watching = Task.Run(() => WatchAsync(clock));

    public TimeSpan Worst(Phase phase) => new(Interlocked.Read(ref _worst[(int)phase]));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watching;
        _stop.Dispose();
    }

    private async Task WatchAsync(PhaseClock clock)
    {
        while (!_stop.IsCancellationRequested)
        {
            var from = Stopwatch.GetTimestamp();
            await Task.Delay(Step, CancellationToken.None);
            var late = Stopwatch.GetElapsedTime(from) - Step;
            ref var worst = ref _worst[(int)clock.Now];
            worst = Math.Max(worst, late.Ticks);
        }
    }
}
