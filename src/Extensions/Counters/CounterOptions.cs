namespace Larder;

/// <summary>When a counter ends.</summary>
public sealed class CounterOptions
{
    /// <summary>
    /// How long the counter lives. Default: the default expiration of its namespace, otherwise <see cref="LarderOptions.DefaultExpiration"/>.
    /// Longer than zero, at most 36,500 days; it must be given where the default is zero.
    /// </summary>
    public TimeSpan? Expiration { get; init; }

    /// <summary>
    /// Whether the time starts again with each change. Default false: it runs from the first change, whatever follows (a fixed window).
    /// </summary>
    public bool IsSliding { get; init; }
}
