namespace Larder.Consistency.Nodes;

/// <summary>A clock on the wall that is wrong; durations are right.</summary>
internal sealed class SkewedTime(TimeSpan skew) : TimeProvider
{
    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + skew;
}
