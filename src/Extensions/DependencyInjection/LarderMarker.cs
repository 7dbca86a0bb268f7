using Microsoft.Extensions.Configuration;

namespace Larder;

/// <summary>Says that Larder has been added, and what was found out then.</summary>
/// <param name="WrapsForeign">Whether it wraps a <c>HybridCache</c> that the application had before.</param>
internal sealed record LarderMarker(bool WrapsForeign)
{
    /// <summary>The key under which the wrapped cache is registered.</summary>
    public static object ForeignKey { get; } = new();

    /// <summary>Sections of the configuration to read, in the order they were given.</summary>
    public List<IConfigurationSection> Sections { get; } = [];
}
