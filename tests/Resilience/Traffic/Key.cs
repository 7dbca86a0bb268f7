using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Resilience.Traffic;

/// <summary>A key, how it is cached, and of which type its value is.</summary>
internal sealed record Key(string Name, bool IsText, HybridCacheEntryOptions Options, string[]? Tags = null)
{
    /// <summary>How long a node's own copy can be served.</summary>
    public TimeSpan Lifetime => Options.LocalCacheExpiration ?? Options.Expiration!.Value;
}
