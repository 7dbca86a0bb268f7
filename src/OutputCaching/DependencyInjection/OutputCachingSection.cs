using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Larder.Http;

/// <summary>
/// The part <c>OutputCaching</c> of the <c>Larder</c> section. It is read name by name rather than bound, so that a misspelt name is refused and a
/// number means seconds, as it does on routes, and not days.
/// </summary>
internal static class OutputCachingSection
{
    /// <exception cref="FormatException">A name is not known, or a value cannot be.</exception>
    public static void Apply(IConfigurationSection section, LarderOutputCacheOptions options)
    {
        foreach (var child in section.GetChildren())
        {
            switch (child.Key.ToUpperInvariant())
            {
                case "DEFAULTEXPIRATION":
                    options.DefaultExpiration = Time(child, allowsZero: false);
                    break;
                case "SENDCACHESTATUS":
                    options.SendCacheStatus = Flag(child);
                    break;
                case "ETAG":
                    options.ETag = ETag(child);
                    break;
                case "POLICIES":
                    foreach (var policy in child.GetChildren())
                    {
                        options.AddPolicy(policy.Key, route => Apply(policy, route));
                    }

                    break;
                default:
                    throw Unknown(child, "DefaultExpiration, SendCacheStatus, ETag and Policies");
            }
        }
    }

    private static void Apply(IConfigurationSection policy, CacheRouteAttribute route)
    {
        var settings = route.Settings;
        foreach (var child in policy.GetChildren())
        {
            switch (child.Key.ToUpperInvariant())
            {
                case "DURATION":
                    settings.Duration = Time(child, allowsZero: false);
                    break;
                case "NOTFOUND":
                    settings.NotFound = Time(child, allowsZero: true);
                    break;
                case "STATUSES":
                    settings.Statuses = Statuses(child);
                    break;
                case "STALEWHILEREVALIDATE":
                    settings.StaleWhileRevalidate = Time(child, allowsZero: true);
                    break;
                case "STALEIFERROR":
                    settings.StaleIfError = Time(child, allowsZero: true);
                    break;
                case "TAGS":
                    settings.Tags = [.. List(child).Select(tag => Checked(child, () => TagTemplate.Parse(tag)))];
                    break;
                case "QUERY":
                    settings.Query = List(child);
                    break;
                case "HEADERS":
                    settings.Headers = List(child);
                    break;
                case "VARYBYUSER":
                    settings.VaryByUser = Flag(child);
                    break;
                case "ETAG":
                    settings.ETag = ETag(child);
                    break;
                case "VARYBYCLAIMS":
                    settings.VaryByClaims = List(child);
                    break;
                default:
                    throw Unknown(child, "Duration, NotFound, Statuses, StaleWhileRevalidate, StaleIfError, Tags, Query, Headers, ETag, VaryByUser and VaryByClaims");
            }
        }
    }

    private static StatusTimes Statuses(IConfigurationSection section)
    {
        var times = new StatusTimes();
        foreach (var child in section.GetChildren())
        {
            if (!int.TryParse(child.Key, NumberStyles.None, CultureInfo.InvariantCulture, out var status))
            {
                throw new FormatException($"{section.Path}: '{child.Key}' is no status. Write status and time as in \"301\": \"01:00:00\".");
            }

            times = Checked(child, () => times.With(status, Time(child, allowsZero: true)));
        }

        return times;
    }

    private static T Checked<T>(IConfigurationSection section, Func<T> make)
    {
        try
        {
            return make();
        }
        catch (ArgumentException exception)
        {
            throw new FormatException($"{section.Path}: {exception.Message}", exception);
        }
    }

    private static TimeSpan Time(IConfigurationSection section, bool allowsZero)
    {
        TimeSpan? time = int.TryParse(section.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? TimeSpan.FromSeconds(seconds)
            : section.Value?.Contains(':', StringComparison.Ordinal) == true && TimeSpan.TryParse(section.Value, CultureInfo.InvariantCulture, out var span) ? span
            : null;
        return time is { } value && (value > TimeSpan.Zero || (allowsZero && value == TimeSpan.Zero))
            ? value
            : throw Wrong(section, $"seconds or hours:minutes:seconds, {(allowsZero ? "not negative" : "more than zero")}");
    }

    private static bool Flag(IConfigurationSection section) => bool.TryParse(section.Value, out var value) ? value : throw Wrong(section, "true or false");

    private static CacheRouteETag ETag(IConfigurationSection section) =>
        Enum.GetNames<CacheRouteETag>().Contains(section.Value, StringComparer.OrdinalIgnoreCase) ? Enum.Parse<CacheRouteETag>(section.Value!, ignoreCase: true) : throw Wrong(section, "None, Generation or Content");

    private static string[] List(IConfigurationSection section)
    {
        // An empty list comes as an empty text.
        if (!string.IsNullOrEmpty(section.Value))
        {
            throw Wrong(section, "a list of texts");
        }

        return [.. section.GetChildren().Select(item => string.IsNullOrWhiteSpace(item.Value) ? throw Wrong(item, "text that is not empty") : item.Value)];
    }

    private static FormatException Wrong(IConfigurationSection section, string expected) => new($"{section.Path} is '{section.Value}'; it must be {expected}.");

    private static FormatException Unknown(IConfigurationSection section, string known) => new($"{section.Path} is not known. Known there are {known}.");
}
