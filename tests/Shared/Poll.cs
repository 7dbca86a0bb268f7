using System.Diagnostics;

namespace Larder.Tests.Shared;

/// <summary>Waits for a condition instead of for a time.</summary>
public static class Poll
{
    /// <summary>How long a condition may take when the caller does not say. Generous: a loaded machine is no failure.</summary>
    public static readonly TimeSpan DefaultDeadline = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(10);

    /// <summary>Asks until the answer is true.</summary>
    /// <exception cref="TimeoutException">It was still false at the deadline; the message says what was awaited.</exception>
    public static Task UntilAsync(Func<bool> condition, string what, TimeSpan? deadline = null, CancellationToken cancellationToken = default) =>
        UntilAsync(() => Task.FromResult(condition()), what, deadline, cancellationToken);

    /// <inheritdoc cref="UntilAsync(Func{bool}, string, TimeSpan?, CancellationToken)"/>
    public static async Task UntilAsync(Func<Task<bool>> condition, string what, TimeSpan? deadline = null, CancellationToken cancellationToken = default)
    {
        var limit = deadline ?? DefaultDeadline;
        var started = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(started) > limit)
            {
                throw new TimeoutException($"Not within {limit.TotalSeconds:0.#} s: {what}.");
            }

            await Task.Delay(Interval, cancellationToken);
        }
    }
}
