using System.Collections.Concurrent;
using Larder.Resilience.Figures;
using Larder.Resilience.Nodes;

namespace Larder.Resilience.Traffic;

/// <summary>What the factories ask: it takes a millisecond, never fails, and counts.</summary>
internal sealed class Source(PhaseClock clock)
{
    private const int LargeLength = 5 * 1024 * 1024;

    private readonly ConcurrentDictionary<string, string> _large = new();
    private readonly long[] _loads = new long[Enum.GetValues<Phase>().Length];
    private long _version;

    public long Loads(Phase phase) => Interlocked.Read(ref _loads[(int)phase]);

    public long NextVersion() => Interlocked.Increment(ref _version);

    public async ValueTask<string> TextAsync(Key key)
    {
        await LoadAsync();
        return Text(key);
    }

    public async ValueTask<Thing> ThingAsync(Key key)
    {
        await LoadAsync();
        return Thing.Of(key.Name, NextVersion());
    }

    public string Text(Key key) => IsLarge(key) ? LargeText(key) : $"{key.Name}={NextVersion()}";

    public bool IsOf(Key key, string text) => IsLarge(key)
        ? text.Length == LargeLength && text.StartsWith(key.Name + "=", StringComparison.Ordinal) && text.EndsWith('x')
        : text.StartsWith(key.Name + "=", StringComparison.Ordinal);

    private static bool IsLarge(Key key) => key.Name.StartsWith("large:", StringComparison.Ordinal);

    // Made once: the measurement is of the cache, not of filling strings.
    private string LargeText(Key key) => _large.GetOrAdd(key.Name, static name => (name + "=").PadRight(LargeLength, 'x'));

    private async Task LoadAsync()
    {
        Interlocked.Increment(ref _loads[(int)clock.Now]);
        await Task.Delay(1);
    }
}
