namespace Larder.Redis;

/// <summary>The thread pool's minimum, up to which it starts a thread as soon as one is wanted; beyond it one or two a second.</summary>
internal static class PoolThreads
{
    private static readonly Lock Changing = new();

    /// <summary>Raises the minimum of worker threads to a number, or as far as the pool's maximum lets it; never lowers it.</summary>
    public static void Ensure(int workers)
    {
        // Two applications in one process must not take back what the other has set.
        lock (Changing)
        {
            ThreadPool.GetMinThreads(out var minimum, out var ports);
            ThreadPool.GetMaxThreads(out var maximum, out _);
            if (Math.Min(workers, maximum) is var wanted && wanted > minimum)
            {
                ThreadPool.SetMinThreads(wanted, ports);
            }
        }
    }
}
