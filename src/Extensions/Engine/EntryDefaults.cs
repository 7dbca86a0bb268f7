using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Engine;

/// <summary>What holds for a scope's entries when a call says nothing: the namespace's options over the global ones.</summary>
internal sealed class EntryDefaults
{
    public EntryDefaults(LarderOptions options, NamespaceOptions? forNamespace, bool hasKeys)
    {
        Expiration = forNamespace?.DefaultExpiration ?? options.DefaultExpiration;
        LocalExpiration = forNamespace?.DefaultLocalCacheExpiration
            ?? (forNamespace?.DefaultExpiration is null ? options.DefaultLocalCacheExpiration : null)
            ?? Expiration;
        Flags = forNamespace?.Flags ?? options.DefaultFlags;
        Rules = new EntryRules(options, forNamespace);
        Layers = new LayerRules(options, forNamespace, hasKeys);
        ReadsMemory = (Flags & HybridCacheEntryFlags.DisableLocalCacheRead) == 0 && Expiration > TimeSpan.Zero;
    }

    public TimeSpan Expiration { get; }

    public TimeSpan LocalExpiration { get; }

    public HybridCacheEntryFlags Flags { get; }

    public EntryRules Rules { get; }

    public LayerRules Layers { get; }

    /// <summary>Whether a call that says nothing looks into memory; asked on every hit.</summary>
    public bool ReadsMemory { get; }

    /// <summary>Whether a call that says something does; asked on every hit.</summary>
    public bool LooksIntoMemory(TimeSpan? expiration, HybridCacheEntryFlags? flags) =>
        ((flags ?? Flags) & HybridCacheEntryFlags.DisableLocalCacheRead) == 0 && (expiration ?? Expiration) > TimeSpan.Zero;
}
