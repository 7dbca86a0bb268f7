using Microsoft.Extensions.Caching.Hybrid;

namespace Larder;

/// <summary>Defaults for the entries of one namespace. What is <see langword="null"/> is taken from <see cref="LarderOptions"/>.</summary>
public sealed class NamespaceOptions
{
    /// <summary>How long an entry lives. Default: <see cref="LarderOptions.DefaultExpiration"/>. Must be positive.</summary>
    public TimeSpan? DefaultExpiration { get; set; }

    /// <summary>How long a node keeps its own copy. Default: as long as the entry lives. Must be positive.</summary>
    public TimeSpan? DefaultLocalCacheExpiration { get; set; }

    /// <summary>Flags for every call that gives none of its own.</summary>
    public HybridCacheEntryFlags? Flags { get; set; }
}
