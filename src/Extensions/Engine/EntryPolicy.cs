using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Engine;

/// <summary>
/// What holds for one call: what its factory decides, over its own options, over the scope's defaults (the namespace's over the
/// global ones).
/// </summary>
internal readonly record struct EntryPolicy
{
    public EntryPolicy(EntryDefaults defaults, HybridCacheEntryOptions? options)
        : this(defaults, options?.Expiration, options?.LocalCacheExpiration, options?.Flags)
    {
    }

    public EntryPolicy(EntryDefaults defaults, CacheEntryPolicy? policy)
        : this(defaults, policy?.Expiration, policy?.LocalCacheExpiration, policy?.Flags)
    {
        NotFoundExpiration = policy?.NotFoundExpiration ?? NotFoundExpiration;
        NullIsNotFound = policy?.NullIsNotFound ?? NullIsNotFound;
        Jitter = policy?.Jitter ?? Jitter;
        Validate = policy?.Validate ?? Validate;
    }

    private EntryPolicy(EntryDefaults defaults, TimeSpan? expiration, TimeSpan? localExpiration, HybridCacheEntryFlags? flags)
    {
        Expiration = expiration ?? defaults.Expiration;

        // As with Microsoft's implementation a call that gives only Expiration means the local copy too.
        LocalExpiration = Shorter(localExpiration ?? expiration ?? defaults.LocalExpiration, Expiration);
        Flags = flags ?? defaults.Flags;
        NotFoundExpiration = defaults.NotFoundExpiration;
        NullIsNotFound = defaults.NullIsNotFound;
        Jitter = defaults.Jitter;
        Validate = defaults.Validate;
    }

    public TimeSpan Expiration { get; private init; }

    public TimeSpan LocalExpiration { get; private init; }

    public HybridCacheEntryFlags Flags { get; private init; }

    public TimeSpan NotFoundExpiration { get; }

    public bool NullIsNotFound { get; }

    public double Jitter { get; }

    public Func<object?, bool>? Validate { get; }

    public StoreTerms Terms => new(Expiration, LocalExpiration, Flags);

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
        };
    }

    /// <summary>The terms of "not found".</summary>
    public EntryPolicy Negative(TimeSpan? expiration)
    {
        var lives = expiration ?? Shorter(NotFoundExpiration, Expiration);
        return this with { Expiration = lives, LocalExpiration = Shorter(LocalExpiration, lives) };
    }

    /// <summary>The same, living longer or shorter by up to the share that is <see cref="Jitter"/>.</summary>
    public EntryPolicy Jittered(Random random)
    {
        if (Jitter <= 0 || Expiration > TimeSpan.FromDays(36_500))
        {
            return this;
        }

        var factor = 1 + (((random.NextDouble() * 2) - 1) * Jitter);
        return this with { Expiration = Expiration * factor, LocalExpiration = LocalExpiration * factor };
    }

    private static TimeSpan Shorter(TimeSpan left, TimeSpan right) => left < right ? left : right;
}
