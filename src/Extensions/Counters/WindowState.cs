namespace Larder.Counters;

/// <summary>The answer to a request for permits, and what stood in the window after it.</summary>
/// <param name="IsAdmitted">Whether they were given.</param>
/// <param name="Current">Given in this window.</param>
/// <param name="Previous">Given in the window before; zero for fixed windows.</param>
/// <param name="Elapsed">Milliseconds since this window began.</param>
internal readonly record struct WindowState(bool IsAdmitted, long Current, long Previous, long Elapsed)
{
    /// <summary>
    /// What counts against the limit: the previous window's permits by the share of it that still lies within a window's length. It takes them to
    /// have been spread evenly: the approximation that Cloudflare described in "How we built rate limiting capable of scaling to millions
    /// of domains" (2017). The script at the server computes the same.
    /// </summary>
    public static double Used(long current, long previous, long elapsed, long window) => current + (previous * (double)(window - elapsed) / window);

    /// <summary>After how many milliseconds the next window begins.</summary>
    public long RetryAfterFixed(long window) => Math.Max(1, window - Elapsed);

    /// <summary>After how many milliseconds so many permits would be given if nobody else took any.</summary>
    public long RetryAfterSliding(int permits, int limit, long window)
    {
        var asked = Math.Max(permits, 1);
        return Math.Max(1, Current + asked <= limit
            ? ShareGone(Previous, limit - Current - asked, window) - Elapsed
            : window - Elapsed + ShareGone(Current, limit - asked, window));
    }

    // When so little of a past window's permits still counts that no more than this many do. In whole numbers: who waits for so long must not come a millisecond early.
    private static long ShareGone(long past, long most, long window) => past <= most ? 0 : (long)((((Int128)window * (past - most)) + past - 1) / past);
}
