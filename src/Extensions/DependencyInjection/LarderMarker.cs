namespace Larder;

/// <summary>Says that Larder has been added, and whether it wraps a <c>HybridCache</c> that the application had before.</summary>
internal sealed record LarderMarker(bool WrapsForeign)
{
    /// <summary>The key under which the wrapped cache is registered.</summary>
    public static object ForeignKey { get; } = new();
}
