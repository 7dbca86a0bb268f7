namespace Larder.Counters;

/// <summary>How a rate limiter's windows follow each other.</summary>
internal enum WindowKind
{
    Fixed,
    Sliding,
}
