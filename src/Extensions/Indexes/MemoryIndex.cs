using Larder.Engine;

namespace Larder.Indexes;

/// <summary>Which keys in memory belong to which index, where memory is all there is.</summary>
/// <remarks>
/// A key is added before its entry comes into memory and once more after it, and goes after it, so no entry is ever missing. What stands here too long is found out
/// when it is read: the entry itself says what it belongs to.
/// </remarks>
internal sealed class MemoryIndex(MemoryLevel memory)
{
    private readonly Dictionary<(ScopeState Scope, CacheIndex Index), HashSet<string>> _sets = [];
    private readonly Lock _lock = new();

    /// <summary>How many sets there are, and how many keys stand in them in all.</summary>
    public (int Sets, int Members) Count
    {
        get
        {
            lock (_lock)
            {
                return (_sets.Count, _sets.Sum(set => set.Value.Count));
            }
        }
    }

    public void Add(MemoryEntry entry)
    {
        lock (_lock)
        {
            foreach (var index in entry.Indexes ?? [])
            {
                if (!_sets.TryGetValue((entry.Scope, index), out var keys))
                {
                    _sets[(entry.Scope, index)] = keys = new HashSet<string>(StringComparer.Ordinal);
                }

                keys.Add(entry.Key);
            }
        }
    }

    /// <summary>An entry has left memory.</summary>
    public void Remove(MemoryEntry entry)
    {
        foreach (var index in entry.Indexes ?? [])
        {
            RemoveUnlessHeld(entry.Scope, index, entry.Key);
        }
    }

    /// <summary>The keys of an index as they are now.</summary>
    public string[] Keys(ScopeState scope, CacheIndex index)
    {
        lock (_lock)
        {
            return _sets.TryGetValue((scope, index), out var keys) ? [.. keys] : [];
        }
    }

    /// <summary>Takes out all keys that do not belong; gives how many.</summary>
    public int Purge()
    {
        (ScopeState Scope, CacheIndex Index, string Key)[] members;
        lock (_lock)
        {
            members = [.. _sets.SelectMany(set => set.Value.Select(key => (set.Key.Scope, set.Key.Index, key)))];
        }

        return members.Count(member => RemoveUnlessHeld(member.Scope, member.Index, member.Key));
    }

    // Looked at under the lock: an entry that comes into memory after this look is added after it.
    public bool RemoveUnlessHeld(ScopeState scope, CacheIndex index, string key)
    {
        lock (_lock)
        {
            if (memory.TryGet(scope, key, out var present) && present.Indexes is { } indexes && Array.IndexOf(indexes, index) >= 0)
            {
                return false;
            }

            if (!_sets.TryGetValue((scope, index), out var keys) || !keys.Remove(key))
            {
                return false;
            }

            if (keys.Count == 0)
            {
                _sets.Remove((scope, index));
            }

            return true;
        }
    }
}
