using System.Collections.Concurrent;

namespace Larder.Resilience.Traffic;

/// <summary>What went wrong, in words: each kind once, with its number.</summary>
internal sealed class Failures
{
    private readonly ConcurrentDictionary<string, int> _counts = new();

    // A client's message ends with half a page about its connection.
    public void Add(string call, Exception exception) =>
        Add($"{call}: {exception.GetType().Name}: {exception.Message.Split(';', ',')[0]}");

    public void Add(string what) => _counts.AddOrUpdate(what, 1, static (_, count) => count + 1);

    public IReadOnlyList<string> Describe() =>
        [.. _counts.OrderByDescending(pair => pair.Value).Take(10).Select(pair => $"{pair.Value} × {pair.Key}")];
}
