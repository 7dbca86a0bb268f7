namespace Larder.Engine;

/// <summary>What holds for an entry besides its expiration: of a namespace, or of one call over its namespace. Shared by all calls that say nothing else.</summary>
internal sealed record EntryRules
{
    public EntryRules(LarderOptions options, NamespaceOptions? forNamespace)
    {
        NotFoundExpiration = forNamespace?.NotFoundExpiration ?? options.NotFoundExpiration;
        NullIsNotFound = forNamespace?.NullIsNotFound ?? options.NullIsNotFound;
        Jitter = forNamespace?.Jitter ?? options.Jitter;
        Validate = forNamespace?.Validate;
        SlidingExpiration = forNamespace?.SlidingExpiration ?? options.SlidingExpiration;
        EarlyRefreshThreshold = forNamespace?.EarlyRefreshThreshold ?? options.EarlyRefreshThreshold;
        EarlyRefreshBefore = forNamespace?.EarlyRefreshBefore ?? options.EarlyRefreshBefore;
        StaleWhileRevalidate = forNamespace?.StaleWhileRevalidate ?? options.StaleWhileRevalidate;
        StaleIfError = forNamespace?.StaleIfError ?? options.StaleIfError;
        StaleIfErrorServes = forNamespace?.StaleIfErrorServes ?? options.StaleIfErrorServes;
        StaleIfErrorThrottle = forNamespace?.StaleIfErrorThrottle ?? options.StaleIfErrorThrottle;
        SoftTimeout = forNamespace?.SoftTimeout ?? options.SoftTimeout;
        HardTimeout = forNamespace?.HardTimeout ?? options.HardTimeout;
    }

    public TimeSpan NotFoundExpiration { get; init; }

    public bool NullIsNotFound { get; init; }

    public double Jitter { get; init; }

    public Func<object?, bool>? Validate { get; init; }

    public TimeSpan SlidingExpiration { get; init; }

    public double EarlyRefreshThreshold { get; init; }

    public TimeSpan EarlyRefreshBefore { get; init; }

    public TimeSpan StaleWhileRevalidate { get; init; }

    public TimeSpan StaleIfError { get; init; }

    public StaleValues StaleIfErrorServes { get; init; }

    public TimeSpan StaleIfErrorThrottle { get; init; }

    public TimeSpan SoftTimeout { get; init; }

    public TimeSpan HardTimeout { get; init; }

    /// <summary>Whether a caller may stop waiting for a load that goes on.</summary>
    public bool HasTimeouts => SoftTimeout != Timeout.InfiniteTimeSpan || HardTimeout != Timeout.InfiniteTimeSpan;

    /// <summary>How long a value is kept beyond its expiration.</summary>
    public TimeSpan StaleLife => StaleIfError > StaleWhileRevalidate ? StaleIfError : StaleWhileRevalidate;

    /// <summary>When an entry that lives for <paramref name="life"/> milliseconds is due to be refreshed; never in the first half of its life.</summary>
    public long RefreshAt(long expires, long life)
    {
        if (EarlyRefreshThreshold <= 0 && EarlyRefreshBefore <= TimeSpan.Zero)
        {
            return long.MaxValue;
        }

        var before = Math.Max(EarlyRefreshThreshold > 0 ? (long)(life * (1 - EarlyRefreshThreshold)) : 0, EngineClock.Milliseconds(EarlyRefreshBefore));
        return expires - Math.Min(before, life / 2);
    }

    /// <summary>These rules with what a call says over them; itself if the call says nothing.</summary>
    public EntryRules With(CacheEntryPolicy call) => call is
    {
        NotFoundExpiration: null, NullIsNotFound: null, Jitter: null, Validate: null, SlidingExpiration: null, EarlyRefreshThreshold: null, EarlyRefreshBefore: null,
        StaleWhileRevalidate: null, StaleIfError: null, StaleIfErrorServes: null, StaleIfErrorThrottle: null, SoftTimeout: null, HardTimeout: null,
    }
        ? this
        : this with
        {
            NotFoundExpiration = call.NotFoundExpiration ?? NotFoundExpiration,
            NullIsNotFound = call.NullIsNotFound ?? NullIsNotFound,
            Jitter = call.Jitter ?? Jitter,
            Validate = call.Validate ?? Validate,
            SlidingExpiration = call.SlidingExpiration ?? SlidingExpiration,
            EarlyRefreshThreshold = call.EarlyRefreshThreshold ?? EarlyRefreshThreshold,
            EarlyRefreshBefore = call.EarlyRefreshBefore ?? EarlyRefreshBefore,
            StaleWhileRevalidate = call.StaleWhileRevalidate ?? StaleWhileRevalidate,
            StaleIfError = call.StaleIfError ?? StaleIfError,
            StaleIfErrorServes = call.StaleIfErrorServes ?? StaleIfErrorServes,
            StaleIfErrorThrottle = call.StaleIfErrorThrottle ?? StaleIfErrorThrottle,
            SoftTimeout = call.SoftTimeout ?? SoftTimeout,
            HardTimeout = call.HardTimeout ?? HardTimeout,
        };

    private const string Timeouts = "longer than zero and at most 1.00:00:00, or infinite (-00:00:00.0010000) for off";

    // Timers cannot wait much longer.
    private static bool IsTimeout(TimeSpan time) => time == Timeout.InfiniteTimeSpan || (time > TimeSpan.Zero && time <= TimeSpan.FromDays(1));

    /// <summary>What is out of its range or does not go together, under the names of the options.</summary>
    public IEnumerable<(string Name, object? Value, string Expected)> Faults()
    {
        if (NotFoundExpiration <= TimeSpan.Zero)
        {
            yield return (nameof(NotFoundExpiration), NotFoundExpiration, "longer than zero");
        }

        if (Jitter is not (>= 0 and <= 0.5))
        {
            yield return (nameof(Jitter), Jitter, "from 0 to 0.5");
        }

        if (SlidingExpiration < TimeSpan.Zero)
        {
            yield return (nameof(SlidingExpiration), SlidingExpiration, "zero (off) or longer");
        }

        if (EarlyRefreshThreshold is not (>= 0 and < 1))
        {
            yield return (nameof(EarlyRefreshThreshold), EarlyRefreshThreshold, "from 0 (off) to less than 1");
        }

        if (EarlyRefreshBefore < TimeSpan.Zero)
        {
            yield return (nameof(EarlyRefreshBefore), EarlyRefreshBefore, "zero (off) or longer");
        }

        if (StaleWhileRevalidate < TimeSpan.Zero)
        {
            yield return (nameof(StaleWhileRevalidate), StaleWhileRevalidate, "zero (off) or longer");
        }

        if (StaleIfError < TimeSpan.Zero)
        {
            yield return (nameof(StaleIfError), StaleIfError, "zero (off) or longer");
        }

        if (!Enum.IsDefined(StaleIfErrorServes))
        {
            yield return (nameof(StaleIfErrorServes), StaleIfErrorServes, "Verified, Unverified or Invalidated");
        }

        if (StaleIfErrorThrottle <= TimeSpan.Zero)
        {
            yield return (nameof(StaleIfErrorThrottle), StaleIfErrorThrottle, "longer than zero");
        }

        if (!IsTimeout(SoftTimeout))
        {
            yield return (nameof(SoftTimeout), SoftTimeout, Timeouts);
        }

        if (!IsTimeout(HardTimeout))
        {
            yield return (nameof(HardTimeout), HardTimeout, Timeouts);
        }
        else if (HardTimeout != Timeout.InfiniteTimeSpan && SoftTimeout > HardTimeout)
        {
            yield return (nameof(SoftTimeout), SoftTimeout, FormattableString.Invariant($"at most HardTimeout, which is {HardTimeout}"));
        }
    }
}
