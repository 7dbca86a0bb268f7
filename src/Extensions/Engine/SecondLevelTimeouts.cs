namespace Larder.Engine;

/// <summary>How long each kind of operation is awaited.</summary>
internal readonly record struct SecondLevelTimeouts(TimeSpan Read, TimeSpan Write, TimeSpan Invalidation)
{
    public SecondLevelTimeouts(LarderOptions options)
        : this(
            options.SecondLevelReadTimeout ?? options.SecondLevelTimeout,
            options.SecondLevelWriteTimeout ?? options.SecondLevelTimeout,
            options.SecondLevelInvalidationTimeout ?? options.SecondLevelTimeout)
    {
    }

    public TimeSpan Longest => TimeSpan.FromTicks(Math.Max(Read.Ticks, Math.Max(Write.Ticks, Invalidation.Ticks)));
}
