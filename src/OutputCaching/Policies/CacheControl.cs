using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Larder.Http;

/// <summary>What a response says about its storage in shared caches (RFC 9111 and 5861).</summary>
/// <remarks>Read as a list of directives rather than by the framework's parser, so that one directive it does not understand does not hide the rest.</remarks>
internal readonly struct CacheControl
{
    public CacheControl(IHeaderDictionary headers, DateTimeOffset now)
    {
        TimeSpan? maxAge = null;
        TimeSpan? sharedMaxAge = null;
        foreach (var line in headers.CacheControl)
        {
            foreach (var part in (line ?? "").Split(',', StringSplitOptions.TrimEntries))
            {
                var at = part.IndexOf('=', StringComparison.Ordinal);
                var name = (at < 0 ? part : part[..at].TrimEnd()).ToLowerInvariant();
                var value = at < 0 ? "" : part[(at + 1)..].Trim(' ', '\t', '"');
                switch (name)
                {
                    // Also private="x-name" and no-cache="x-name", which name the headers they mean: rather too little stored.
                    case "private" or "no-store" or "no-cache":
                        ForbidsStoring = true;
                        break;
                    case "must-revalidate" or "proxy-revalidate":
                        ForbidsStale = true;
                        break;
                    case "max-age":
                        maxAge = Shortest(maxAge, value);
                        break;
                    case "s-maxage":
                        sharedMaxAge = Shortest(sharedMaxAge, value);
                        break;
                    case "stale-while-revalidate":
                        StaleWhileRevalidate = Shortest(StaleWhileRevalidate, value);
                        break;
                    case "stale-if-error":
                        StaleIfError = Shortest(StaleIfError, value);
                        break;
                }
            }
        }

        Freshness = sharedMaxAge ?? maxAge ?? Expires(headers.Expires, now);
    }

    public bool ForbidsStoring { get; }

    public bool ForbidsStale { get; }

    /// <summary>How long the response is fresh: <c>s-maxage</c> over <c>max-age</c> over <c>Expires</c>; null if it does not say.</summary>
    public TimeSpan? Freshness { get; }

    public TimeSpan? StaleWhileRevalidate { get; }

    public TimeSpan? StaleIfError { get; }

    // Who says it twice has said the shorter time too.
    private static TimeSpan Shortest(TimeSpan? said, string text) => Seconds(text) is var time && said < time ? said.Value : time;

    // What cannot be read means no freshness at all, as the RFC asks for.
    private static TimeSpan Seconds(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? TimeSpan.FromSeconds(Math.Min(seconds, int.MaxValue)) : TimeSpan.Zero;

    private static TimeSpan? Expires(StringValues header, DateTimeOffset now) =>
        StringValues.IsNullOrEmpty(header) ? null
        : DateTimeOffset.TryParseExact(header, "r", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date) && date > now ? date - now
        : TimeSpan.Zero;
}
