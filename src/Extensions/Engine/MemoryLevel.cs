using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Larder.Indexes;

namespace Larder.Engine;

/// <summary>
/// The entries of this node: a concurrent table bounded in number and bytes.
/// </summary>
/// <remarks>
/// <para>A table of its own rather than an <c>IMemoryCache</c>: the key is a scope by reference and a span of characters, so a hit
/// composes no text and hashes only the caller's part; a hit writes nothing once an entry is known to be popular, so a hot
/// key does not bounce between cores; the clock is read once per call.</para>
/// <para>Eviction is S3-FIFO ("FIFO queues are all you need for cache eviction", Yang et al., SOSP 2023): new entries enter a
/// small queue, those hit again move to the main one, the others leave quickly and are remembered by fingerprint, so that
/// a scan of one-off keys does not push out what is used.</para>
/// </remarks>
internal sealed class MemoryLevel
{
    private readonly ConcurrentDictionary<MemoryKey, MemoryEntry> _entries = new(MemoryKeyComparer.Instance);
    private readonly ConcurrentDictionary<MemoryKey, MemoryEntry>.AlternateLookup<MemoryKeyView> _lookup;
    private readonly EvictionQueues _values;
    private readonly EvictionQueues _negatives;
    private readonly int _maximumEntries;
    private readonly long _maximumBytes;
    private readonly long _maximumSize;

    public MemoryLevel(int maximumEntries, long maximumBytes)
    {
        // One value must not push out most of the others.
        _maximumSize = maximumBytes / 4;
        _lookup = _entries.GetAlternateLookup<MemoryKeyView>();

        // "Not found" may take a tenth: probing random keys pushes out other such knowledge, and at most that share of the rest.
        _maximumEntries = maximumEntries;
        _maximumBytes = maximumBytes;
        _negatives = new EvictionQueues(Math.Max(1, maximumEntries / 10), maximumBytes / 10, Forget);
        _values = new EvictionQueues(maximumEntries, maximumBytes, Forget);
    }

    /// <summary>An entry left the table: replaced, removed, expired or evicted.</summary>
    public event Action<MemoryEntry, EntryDeparture>? Departed;

    /// <summary>The indexes of what is here, where nothing else keeps them.</summary>
    public MemoryIndex? Index { get; private set; }

    /// <summary>Begins to keep the indexes of what comes here.</summary>
    public void KeepIndex()
    {
        var index = Index = new MemoryIndex(this);
        Departed += (entry, _) => index.Remove(entry);
    }

    public int Count => _values.Count + _negatives.Count;

    public long Bytes => _values.Bytes + _negatives.Bytes;

    public int NegativeCount => _negatives.Count;

    public IEnumerable<MemoryEntry> Entries => _entries.Select(pair => pair.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryGet(ScopeState scope, ReadOnlySpan<char> key, [MaybeNullWhen(false)] out MemoryEntry entry) =>
        _lookup.TryGetValue(new MemoryKeyView(scope, key), out entry);

    /// <summary>Notes a hit. The count saturates, so an entry in steady use is not written to.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Touch(MemoryEntry entry)
    {
        if (entry.Hits < EvictionQueues.MaximumHits)
        {
            entry.Hits++;
        }
    }

    public void Set(MemoryEntry entry)
    {
        if (!HasRoomFor(entry))
        {
            Remove(entry.Scope, entry.Key, EntryDeparture.Replaced);
            return;
        }

        if (entry.Indexes is not null)
        {
            Index?.Add(entry);
        }

        var key = new MemoryKey(entry.Scope, entry.Key);
        MemoryEntry? replaced;
        while (true)
        {
            if (_entries.TryGetValue(key, out replaced))
            {
                if (_entries.TryUpdate(key, entry, replaced))
                {
                    break;
                }
            }
            else if (_entries.TryAdd(key, entry))
            {
                break;
            }
        }

        Entered(entry, replaced);
    }

    /// <summary>Puts an entry in the place of another one of the same key, if that one is still there.</summary>
    public bool Replace(MemoryEntry present, MemoryEntry entry)
    {
        if (entry.Indexes is not null)
        {
            Index?.Add(entry);
        }

        if (!_entries.TryUpdate(new MemoryKey(entry.Scope, entry.Key), entry, present))
        {
            Index?.Remove(entry);
            return false;
        }

        Entered(entry, present);
        return true;
    }

    /// <summary>Whether an entry is not too large to be kept.</summary>
    public bool HasRoomFor(MemoryEntry entry) => entry.Size <= _maximumSize;

    private void Entered(MemoryEntry entry, MemoryEntry? replaced)
    {
        if (entry.Indexes is not null)
        {
            // Whoever took out an earlier entry of the key in between did not see this one.
            Index?.Add(entry);
        }

        if (replaced is not null)
        {
            Unqueue(replaced);
            Departed?.Invoke(replaced, EntryDeparture.Replaced);
        }

        Queues(entry).Add(entry);
        if (entry is NegativeEntry)
        {
            ShareOut();
        }
    }

    public bool Remove(ScopeState scope, ReadOnlySpan<char> key, EntryDeparture departure = EntryDeparture.Removed) => Take(scope, key, departure) is not null;

    /// <summary>Removes an entry and gives it.</summary>
    public MemoryEntry? Take(ScopeState scope, ReadOnlySpan<char> key, EntryDeparture departure)
    {
        if (!_lookup.TryRemove(new MemoryKeyView(scope, key), out _, out var entry))
        {
            return null;
        }

        Unqueue(entry);
        Departed?.Invoke(entry, departure);
        return entry;
    }

    /// <summary>Removes this very entry, not one that has taken its place.</summary>
    public bool Remove(MemoryEntry entry, EntryDeparture departure)
    {
        if (!_entries.TryRemove(new KeyValuePair<MemoryKey, MemoryEntry>(new MemoryKey(entry.Scope, entry.Key), entry)))
        {
            return false;
        }

        Unqueue(entry);
        Departed?.Invoke(entry, departure);
        return true;
    }

    /// <summary>Drops what has expired and what <paramref name="isDead"/> names. Returns how many entries went.</summary>
    public int Sweep(long now, Func<MemoryEntry, bool> isDead)
    {
        var removed = 0;
        foreach (var (_, entry) in _entries)
        {
            if (((now >= entry.ExpiresAt || (entry.Terms is { } terms && !terms.IsAwake(now) && !terms.MayStandIn(now))) && Remove(entry, EntryDeparture.Expired)) || (isDead(entry) && Remove(entry, EntryDeparture.Invalidated)))
            {
                removed++;
            }
        }

        return removed;
    }

    private void Unqueue(MemoryEntry entry)
    {
        Queues(entry).Remove(entry);
        if (entry is NegativeEntry)
        {
            ShareOut();
        }
    }

    // Values have what "not found" does not take.
    private void ShareOut() => _values.Resize(_maximumEntries - _negatives.Count, _maximumBytes - _negatives.Bytes);

    private EvictionQueues Queues(MemoryEntry entry) => entry is NegativeEntry ? _negatives : _values;

    private void Forget(MemoryEntry entry)
    {
        if (_entries.TryRemove(new KeyValuePair<MemoryKey, MemoryEntry>(new MemoryKey(entry.Scope, entry.Key), entry)))
        {
            Departed?.Invoke(entry, EntryDeparture.Evicted);
        }
    }
}

/// <summary>Why an entry left the memory level.</summary>
internal enum EntryDeparture
{
    Replaced,
    Removed,
    Invalidated,
    Expired,
    Evicted,
}
