using Larder.Engine;
using Microsoft.Extensions.Caching.Distributed;

namespace Larder.Distributed;

/// <summary>How long a value is kept: as its caller says, or as its namespace does when the caller says nothing.</summary>
/// <param name="Options">What the implementation is told.</param>
/// <param name="Longest">How long the value lives at most before it is read.</param>
/// <param name="Sliding">Its window; zero for none.</param>
/// <param name="IsOff">The namespace's time is zero: nothing is to be kept.</param>
internal readonly record struct DistributedLife(DistributedCacheEntryOptions Options, TimeSpan Longest, TimeSpan Sliding, bool IsOff)
{
    public static DistributedLife Of(DistributedCacheEntryOptions options, EntryDefaults defaults, EngineClock clock)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.AbsoluteExpirationRelativeToNow is null && options.AbsoluteExpiration is null && options.SlidingExpiration is null)
        {
            var window = defaults.Rules.SlidingExpiration > TimeSpan.Zero && defaults.Rules.SlidingExpiration < defaults.Expiration ? defaults.Rules.SlidingExpiration : (TimeSpan?)null;
            return defaults.Expiration <= TimeSpan.Zero
                ? new DistributedLife(options, default, default, IsOff: true)
                : new DistributedLife(Lasting(defaults.Expiration, window), defaults.Expiration, window ?? default, IsOff: false);
        }

        var sliding = options.SlidingExpiration ?? TimeSpan.Zero;
        var longest = options.AbsoluteExpirationRelativeToNow ?? (options.AbsoluteExpiration - clock.Provider.GetUtcNow()) ?? sliding;
        return new DistributedLife(options, longest > TimeSpan.Zero ? longest : TimeSpan.Zero, sliding, IsOff: false);
    }

    // Stores compute an absolute date from the span; beyond a century they overflow, and "for ever" is meant.
    private static DistributedCacheEntryOptions Lasting(TimeSpan expiration, TimeSpan? sliding) => expiration > TimeSpan.FromDays(36_500)
        ? new DistributedCacheEntryOptions { SlidingExpiration = sliding }
        : new DistributedCacheEntryOptions { AbsoluteExpirationRelativeToNow = expiration, SlidingExpiration = sliding };
}
