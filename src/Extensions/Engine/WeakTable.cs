using System.Collections.Concurrent;

namespace Larder.Engine;

/// <summary>
/// Values by name, each kept only as long as something else refers to it: what the entries, flights and scopes of the
/// process no longer use is forgotten, so the table is bounded by the memory level.
/// </summary>
/// <remarks>
/// Forgetting is safe where a value matters only to those who hold it. A look-up that meets a collected value puts a new one
/// in its place atomically, so two live values of one name never exist.
/// </remarks>
internal sealed class WeakTable<T>
    where T : class
{
    private readonly ConcurrentDictionary<string, WeakReference<T>> _values = new(StringComparer.Ordinal);
    private int _trimAt = 256;

    public int Count => _values.Count;

    public T? Find(string name) => _values.TryGetValue(name, out var reference) && reference.TryGetTarget(out var value) ? value : null;

    public T GetOrAdd<TState>(string name, TState state, Func<string, TState, T> create)
    {
        T? created = null;
        WeakReference<T>? createdReference = null;
        while (true)
        {
            if (_values.TryGetValue(name, out var reference))
            {
                if (reference.TryGetTarget(out var value))
                {
                    return value;
                }

                created ??= create(name, state);
                createdReference ??= new WeakReference<T>(created);
                if (_values.TryUpdate(name, createdReference, reference))
                {
                    return created;
                }
            }
            else
            {
                created ??= create(name, state);
                createdReference ??= new WeakReference<T>(created);
                if (_values.TryAdd(name, createdReference))
                {
                    TrimWhenDoubled();
                    return created;
                }
            }
        }
    }

    /// <summary>The values alive. One that is added meanwhile may or may not be among them.</summary>
    public IEnumerable<T> Values()
    {
        foreach (var (_, reference) in _values)
        {
            if (reference.TryGetTarget(out var value))
            {
                yield return value;
            }
        }
    }

    // A pass over the table each time it has doubled since the last one: constant time per addition.
    private void TrimWhenDoubled()
    {
        var trimAt = Volatile.Read(ref _trimAt);
        if (_values.Count < trimAt || Interlocked.CompareExchange(ref _trimAt, int.MaxValue, trimAt) != trimAt)
        {
            return;
        }

        foreach (var pair in _values)
        {
            if (!pair.Value.TryGetTarget(out _))
            {
                _values.TryRemove(pair);
            }
        }

        Volatile.Write(ref _trimAt, Math.Max(256, _values.Count * 2));
    }
}
