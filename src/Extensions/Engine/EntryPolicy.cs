using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Engine;

/// <summary>
/// What holds for one call: what its factory decides, over its own options, over the scope's defaults (the namespace's over the
/// global ones).
/// </summary>
internal readonly record struct EntryPolicy
{
    public EntryPolicy(EntryDefaults defaults, HybridCacheEntryOptions? options)
        : this(defaults, options?.Expiration, options?.LocalCacheExpiration, options?.Flags, defaults.Rules)
    {
    }

    public EntryPolicy(EntryDefaults defaults, CacheEntryPolicy? policy)
        : this(defaults, policy?.Expiration, policy?.LocalCacheExpiration, policy?.Flags, policy?.Over(defaults.Rules) ?? defaults.Rules)
    {
    }

    private EntryPolicy(EntryDefaults defaults, TimeSpan? expiration, TimeSpan? localExpiration, HybridCacheEntryFlags? flags, EntryRules rules)
    {
        Expiration = expiration ?? defaults.Expiration;

        // As with Microsoft's implementation a call that gives only Expiration means the local copy too.
        LocalExpiration = Shorter(localExpiration ?? expiration ?? defaults.LocalExpiration, Expiration);
        Flags = flags ?? defaults.Flags;
        Rules = rules;
    }

    public TimeSpan Expiration { get; private init; }

    public TimeSpan LocalExpiration { get; init; }

    public HybridCacheEntryFlags Flags { get; init; }

    public EntryRules Rules { get; init; }

    /// <summary>How long the second level and the stamps must last: the entry's life and what it may be used beyond it.</summary>
    public TimeSpan Retention => Expiration > TimeSpan.MaxValue - Rules.StaleLife ? TimeSpan.MaxValue : Expiration + Rules.StaleLife;

    public StoreTerms Terms => new(
        Retention,
        LocalExpiration == Expiration ? Retention : LocalExpiration,
        Flags,
        Rules.SlidingExpiration < Expiration ? Rules.SlidingExpiration : default);

    /// <summary>What is stored of the rules with each entry.</summary>
    public StoredTerms StoredTerms(string? etag) => new(
        EngineClock.Milliseconds(Rules.StaleWhileRevalidate),
        EngineClock.Milliseconds(Rules.StaleIfError),
        Rules.SlidingExpiration < Expiration ? EngineClock.Milliseconds(Rules.SlidingExpiration) : 0,
        etag);

    public bool ReadsMemory => (Flags & HybridCacheEntryFlags.DisableLocalCacheRead) == 0;

    /// <summary>Whether the call looks for what others have stored; one that is not cached does not.</summary>
    public bool LooksIntoMemory => ReadsMemory && Expiration > TimeSpan.Zero;

    public bool WritesMemory => (Flags & HybridCacheEntryFlags.DisableLocalCacheWrite) == 0 && Expiration > TimeSpan.Zero;

    public bool ReadsSecondLevel => (Flags & HybridCacheEntryFlags.DisableDistributedCacheRead) == 0;

    public bool WritesSecondLevel => (Flags & HybridCacheEntryFlags.DisableDistributedCacheWrite) == 0 && Expiration > TimeSpan.Zero;

    public bool RunsFactory => (Flags & HybridCacheEntryFlags.DisableUnderlyingData) == 0;

    /// <summary>What a factory has decided.</summary>
    public EntryPolicy Decided(CacheEntryContext context)
    {
        var expiration = context.Expiration ?? Expiration;
        return this with
        {
            Expiration = expiration,
            LocalExpiration = Shorter(context.LocalCacheExpiration ?? context.Expiration ?? LocalExpiration, expiration),
            Flags = context.Flags is { } flags ? Flags | (flags & (HybridCacheEntryFlags.DisableLocalCacheWrite | HybridCacheEntryFlags.DisableDistributedCacheWrite)) : Flags,
            Rules = context.StaleIfError is null && context.StaleWhileRevalidate is null
                ? Rules
                : Rules with { StaleIfError = context.StaleIfError ?? Rules.StaleIfError, StaleWhileRevalidate = context.StaleWhileRevalidate ?? Rules.StaleWhileRevalidate },
        };
    }

    /// <summary>The terms of "not found": a time of its own, and nothing beyond it.</summary>
    public EntryPolicy Negative(TimeSpan? expiration)
    {
        var lives = expiration ?? Shorter(Rules.NotFoundExpiration, Expiration);
        return this with
        {
            Expiration = lives,
            LocalExpiration = Shorter(LocalExpiration, lives),
            Rules = Rules.StaleLife > TimeSpan.Zero || Rules.EarlyRefreshThreshold > 0 || Rules.EarlyRefreshBefore > TimeSpan.Zero || Rules.SlidingExpiration > TimeSpan.Zero
                ? Rules with { StaleIfError = default, StaleWhileRevalidate = default, EarlyRefreshThreshold = 0, EarlyRefreshBefore = default, SlidingExpiration = default }
                : Rules,
        };
    }

    /// <summary>The same, living longer or shorter by up to the share that is <see cref="EntryRules.Jitter"/>.</summary>
    public EntryPolicy Jittered(Random random)
    {
        if (Rules.Jitter <= 0 || Expiration > TimeSpan.FromDays(36_500))
        {
            return this;
        }

        var factor = 1 + (((random.NextDouble() * 2) - 1) * Rules.Jitter);
        return this with { Expiration = Expiration * factor, LocalExpiration = LocalExpiration * factor };
    }

    private static TimeSpan Shorter(TimeSpan left, TimeSpan right) => left < right ? left : right;
}
