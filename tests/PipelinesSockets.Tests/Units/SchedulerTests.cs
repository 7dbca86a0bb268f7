using System.IO.Pipelines;
using Pipelines.Sockets.Unofficial;

namespace Larder.PipelinesSockets.Tests.Units;

/// <summary>The scheduler behind <c>SocketManager</c>.</summary>
public sealed class SchedulerTests
{
    [Fact]
    public async Task Work_runs_on_its_own_threads()
    {
        using var scheduler = new DedicatedThreadPoolPipeScheduler("own", workerCount: 2);

        var thread = await RunAsync(scheduler, () => Thread.CurrentThread);

        Assert.False(thread.IsThreadPoolThread);
        Assert.True(thread.IsBackground);
        Assert.Equal(2, scheduler.WorkerCount);
        Assert.Equal(0, scheduler.TotalServicedByPool);
        await Eventually.TrueAsync(() => scheduler is { AvailableCount: 2, TotalServicedByQueue: 1 }, "both workers are idle again");
    }

    [Fact]
    public async Task Work_is_not_lost_when_all_workers_are_blocked()
    {
        using var scheduler = new DedicatedThreadPoolPipeScheduler("blocked", workerCount: 2, useThreadPoolQueueLength: 3);
        using var release = new ManualResetEventSlim();
        using var blocked = new CountdownEvent(2);
        var workers = Enumerable.Range(0, 2).Select(_ => RunAsync(scheduler, () => { blocked.Signal(); release.Wait(); return 0; })).ToList();
        blocked.Wait(Eventually.Patience);

        var rest = Enumerable.Range(0, 20).Select(i => RunAsync(scheduler, () => i)).ToList();
        var overflow = rest.Skip(3).ToList();
        Assert.Equal(Enumerable.Range(3, 17), await Task.WhenAll(overflow).WaitAsync(Eventually.Patience));
        release.Set();

        Assert.Equal(Enumerable.Range(0, 20), await Task.WhenAll(rest).WaitAsync(Eventually.Patience));
        await Task.WhenAll(workers).WaitAsync(Eventually.Patience);
        Assert.Equal(17, scheduler.TotalServicedByPool);
    }

    [Fact]
    public async Task Work_falls_back_to_the_thread_pool_after_disposal()
    {
        var scheduler = new DedicatedThreadPoolPipeScheduler("gone", workerCount: 1);
        var thread = await RunAsync(scheduler, () => Thread.CurrentThread);
        scheduler.Dispose();
        scheduler.Dispose();

        Assert.True(await RunAsync(scheduler, () => Thread.CurrentThread.IsThreadPoolThread).WaitAsync(Eventually.Patience));
        Assert.True(thread.Join(Eventually.Patience), "the worker did not end");
    }

    [Fact]
    public async Task Work_queued_before_disposal_still_runs()
    {
        var scheduler = new DedicatedThreadPoolPipeScheduler("draining", workerCount: 1, useThreadPoolQueueLength: 100);
        using var release = new ManualResetEventSlim();
        var first = RunAsync(scheduler, () => { release.Wait(); return 0; });
        var queued = Enumerable.Range(1, 50).Select(i => RunAsync(scheduler, () => i)).ToList();
        scheduler.Dispose();
        release.Set();

        await first.WaitAsync(Eventually.Patience);
        Assert.Equal(Enumerable.Range(1, 50), await Task.WhenAll(queued).WaitAsync(Eventually.Patience));
    }

    private static Task<T> RunAsync<T>(DedicatedThreadPoolPipeScheduler scheduler, Func<T> work)
    {
        // The base type: this is how pipes see it.
        PipeScheduler pipes = scheduler;
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        pipes.Schedule(_ => result.SetResult(work()), null);
        return result.Task;
    }
}
