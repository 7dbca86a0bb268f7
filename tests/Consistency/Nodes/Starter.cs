using System.Collections.Concurrent;
using System.Diagnostics;

namespace Larder.Consistency.Nodes;

/// <summary>
/// Starts processes on one thread that never ends. For the system a child's parent is the thread that made it: one of the
/// pool would take its children with it when the pool lets it go (see <see cref="ChildProcess.DieWithParent"/>).
/// </summary>
internal static class Starter
{
    private static readonly BlockingCollection<(ProcessStartInfo Start, TaskCompletionSource<Process> Started)> Orders = [];

    static Starter() => new Thread(Run) { IsBackground = true, Name = "process starter" }.Start();

    public static Process Start(ProcessStartInfo start)
    {
        var started = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
        Orders.Add((start, started));
        return started.Task.GetAwaiter().GetResult();
    }

    private static void Run()
    {
        foreach (var (start, started) in Orders.GetConsumingEnumerable())
        {
            try
            {
                started.SetResult(Process.Start(start)!);
            }
            catch (Exception exception)
            {
                started.SetException(exception);
            }
        }
    }
}
