using System.Globalization;

namespace Larder.Http;

/// <summary>How long responses of some statuses are served.</summary>
internal sealed class StatusTimes
{
    private readonly Dictionary<int, TimeSpan> _times = [];

    public string[] Texts => [.. _times.OrderBy(pair => pair.Key).Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Key}={pair.Value.TotalSeconds}"))];

    /// <summary>How long a response of that status is served, zero for not at all; null if nothing is said about it.</summary>
    public TimeSpan? For(int status) => _times.TryGetValue(status, out var time) ? time : null;

    /// <exception cref="ArgumentException">A text is not a status and seconds, a status may not be cached, or stands there twice.</exception>
    public static StatusTimes Parse(string[] texts)
    {
        var times = new StatusTimes();
        foreach (var text in texts)
        {
            var parts = (text ?? "").Split('=', StringSplitOptions.TrimEntries);
            if (parts.Length != 2
                || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var status)
                || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
            {
                throw new ArgumentException($"'{text}' is no status with its seconds; write them as in '301=3600'.", nameof(texts));
            }

            if (times.For(status) is not null)
            {
                throw new ArgumentException($"'{text}' gives the status {parts[0]} a second time.", nameof(texts));
            }

            times = times.With(status, TimeSpan.FromSeconds(seconds));
        }

        return times;
    }

    /// <exception cref="ArgumentException">The status may not be cached, or the time is negative.</exception>
    public StatusTimes With(int status, TimeSpan time)
    {
        if (WhyNever(status) is { } reason)
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"The status {status} cannot be cached: {reason}."), nameof(status));
        }

        if (time < TimeSpan.Zero)
        {
            throw new ArgumentOutOfRangeException(nameof(time), time, string.Create(CultureInfo.InvariantCulture, $"The time of status {status} is '{time}'; it must be zero (not cached) or longer."));
        }

        var times = new StatusTimes();
        foreach (var (known, value) in _times)
        {
            times._times[known] = value;
        }

        times._times[status] = time;
        return times;
    }

    private static string? WhyNever(int status) => status switch
    {
        < 100 or > 599 => "statuses go from 100 to 599",
        < 200 => "it is no final answer",
        200 => "its time is the Duration",
        206 or 416 => "it answers a request's Range, which is not part of the key",
        304 or 412 => "it answers the copy that one client has",
        401 or 407 => "it asks one client for credentials",
        408 or 421 or 425 or 428 or 429 or 431 => "it is about one client's way of asking",
        >= 500 => "a failure is not kept; StaleIfError lets the last good page stand in",
        _ => null,
    };
}
