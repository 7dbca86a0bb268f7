using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Engine;

/// <summary>What holds for one call: its own options over the scope's defaults.</summary>
internal readonly struct EntryPolicy
{
    public EntryPolicy(EntryDefaults defaults, HybridCacheEntryOptions? options)
    {
        Expiration = options?.Expiration ?? defaults.Expiration;

        // As with Microsoft's implementation a call that gives only Expiration means the local copy too.
        LocalExpiration = options?.LocalCacheExpiration ?? options?.Expiration ?? defaults.LocalExpiration;
        if (LocalExpiration > Expiration)
        {
            LocalExpiration = Expiration;
        }

        Flags = options?.Flags ?? defaults.Flags;
    }

    public TimeSpan Expiration { get; }

    public TimeSpan LocalExpiration { get; }

    public HybridCacheEntryFlags Flags { get; }

    public StoreTerms Terms => new(Expiration, LocalExpiration, Flags);

    public bool ReadsMemory => (Flags & HybridCacheEntryFlags.DisableLocalCacheRead) == 0;

    public bool WritesMemory => (Flags & HybridCacheEntryFlags.DisableLocalCacheWrite) == 0 && Expiration > TimeSpan.Zero;

    public bool ReadsSecondLevel => (Flags & HybridCacheEntryFlags.DisableDistributedCacheRead) == 0;

    public bool WritesSecondLevel => (Flags & HybridCacheEntryFlags.DisableDistributedCacheWrite) == 0 && Expiration > TimeSpan.Zero;

    public bool RunsFactory => (Flags & HybridCacheEntryFlags.DisableUnderlyingData) == 0;
}
