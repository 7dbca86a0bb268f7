using System.Collections.Concurrent;

namespace Larder.Resilience.Traffic;

/// <summary>What went wrong, in words: each kind once, with its number.</summary>
internal sealed class Failures
{
    private readonly ConcurrentDictionary<string, int> _counts = new();

    public void Add(string what) => _counts.AddOrUpdate(what, 1, static (_, count) => count + 1);

    public IReadOnlyList<string> Describe() =>
        [.. _counts.OrderByDescending(pair => pair.Value).Take(10).Select(pair => $"{pair.Value} × {pair.Key}")];
}
