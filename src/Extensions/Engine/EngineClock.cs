namespace Larder.Engine;

/// <summary>
/// Milliseconds that only go forward, and wall-clock time, both from the application's <see cref="TimeProvider"/>.
/// </summary>
/// <remarks>
/// With the system's provider the coarse tick count stands in for <see cref="TimeProvider.GetTimestamp"/>: it is the same
/// monotonic clock with a resolution of some milliseconds, read in a fifth of the time, and a hit reads it once.
/// </remarks>
internal sealed class EngineClock(TimeProvider provider)
{
    private readonly TimeProvider? _provider = ReferenceEquals(provider, TimeProvider.System) ? null : provider;
    private readonly long _start = provider.GetTimestamp();

    public TimeProvider Provider { get; } = provider;

    /// <summary>Milliseconds since some fixed moment.</summary>
    public long Now => _provider is null ? Environment.TickCount64 : (long)_provider.GetElapsedTime(_start).TotalMilliseconds;

    public long UtcNowMilliseconds => Provider.GetUtcNow().ToUnixTimeMilliseconds();

    public static long AddSaturating(long now, TimeSpan span) => now + Milliseconds(span);

    public static long AddSaturating(long now, long milliseconds) => now + Math.Min(milliseconds, long.MaxValue / 4);

    /// <summary>Milliseconds as a span, the longest there is if they are more.</summary>
    public static TimeSpan Span(long milliseconds) => milliseconds >= TimeSpan.MaxValue.TotalMilliseconds ? TimeSpan.MaxValue : TimeSpan.FromMilliseconds(milliseconds);

    /// <summary>A span as milliseconds, so few that a sum with a moment cannot overflow.</summary>
    public static long Milliseconds(TimeSpan span) => (long)Math.Ceiling(Math.Min(span.TotalMilliseconds, long.MaxValue / 4d));
}
