namespace Larder.Engine;

/// <summary>
/// The order of eviction: S3-FIFO with a small queue of a tenth, a main queue, and fingerprints of what left the small one.
/// </summary>
/// <remarks>
/// <para>A hit touches nothing here but the entry's own saturating counter (racy on purpose; a lost increment only makes an
/// entry look a little less popular). All else happens under one lock, on writes.</para>
/// <para>An entry that is replaced or removed leaves its queue lazily: it is marked, and skipped when its turn comes. When
/// marked entries make up a third of the queues, or an eighth of the byte limit, the queues are rebuilt without
/// them, so they are bounded too and each write pays a constant share.</para>
/// </remarks>
internal sealed class EvictionQueues(int maximumEntries, long maximumBytes, Action<MemoryEntry> evict)
{
    private int _maximumEntries = maximumEntries;
    private long _maximumBytes = maximumBytes;

    public const byte MaximumHits = 3;

    private readonly Lock _lock = new();
    private readonly Queue<MemoryEntry> _small = new();
    private readonly Queue<MemoryEntry> _main = new();
    private uint[]? _ghosts;
    private int _count;
    private int _smallCount;
    private int _removedCount;
    private long _bytes;
    private long _smallBytes;
    private long _removedBytes;

    public int Count => Volatile.Read(ref _count);

    public long Bytes => Volatile.Read(ref _bytes);

    public void Add(MemoryEntry entry)
    {
        lock (_lock)
        {
            // Removed before it was added: another thread replaced it in the table in between.
            if (entry.Residence == EntryResidence.Removed)
            {
                return;
            }

            if (WasGhost(entry))
            {
                entry.Residence = EntryResidence.Main;
                _main.Enqueue(entry);
            }
            else
            {
                entry.Residence = EntryResidence.Small;
                _small.Enqueue(entry);
                _smallCount++;
                _smallBytes += entry.Size;
            }

            _count++;
            _bytes += entry.Size;
            Fit();
        }
    }

    /// <summary>Sets the bounds anew, and evicts what is beyond them.</summary>
    public void Resize(int maximumEntries, long maximumBytes)
    {
        lock (_lock)
        {
            _maximumEntries = maximumEntries;
            _maximumBytes = maximumBytes;
            Fit();
        }
    }

    public void Remove(MemoryEntry entry)
    {
        lock (_lock)
        {
            var residence = entry.Residence;
            entry.Residence = EntryResidence.Removed;
            if (residence is EntryResidence.None or EntryResidence.Removed)
            {
                return;
            }

            Uncount(entry, residence);
            _removedCount++;
            _removedBytes += entry.Size;
            if (_removedCount > (_count / 2) + 64 || _removedBytes > _maximumBytes / 8)
            {
                Rebuild(_small);
                Rebuild(_main);
                _removedCount = 0;
                _removedBytes = 0;
            }
        }
    }

    private void Fit()
    {
        while ((_count > _maximumEntries || _bytes > _maximumBytes) && EvictOne())
        {
        }
    }

    private bool EvictOne()
    {
        // The small queue gives first while it holds more than its tenth, by number or by bytes.
        if (_smallCount > _maximumEntries / 10 || _smallBytes > _maximumBytes / 10 || _main.Count == 0)
        {
            if (TryEvictSmall())
            {
                return true;
            }
        }

        return TryEvictMain() || TryEvictSmall();
    }

    private bool TryEvictSmall()
    {
        while (_small.TryDequeue(out var entry))
        {
            if (entry.Residence == EntryResidence.Removed)
            {
                Forgotten(entry);
            }
            else if (entry.Hits > 1)
            {
                entry.Hits = 0;
                entry.Residence = EntryResidence.Main;
                _smallCount--;
                _smallBytes -= entry.Size;
                _main.Enqueue(entry);
            }
            else
            {
                RememberGhost(entry);
                Evict(entry, EntryResidence.Small);
                return true;
            }
        }

        return false;
    }

    private bool TryEvictMain()
    {
        // Ends: each round takes one hit from an entry, and hits saturate. A reader can add hits meanwhile, so the rounds are
        // limited as well; then the next in line goes whatever its hits.
        var patience = (_main.Count * MaximumHits) + 1;
        while (_main.TryDequeue(out var entry))
        {
            if (entry.Residence == EntryResidence.Removed)
            {
                Forgotten(entry);
            }
            else if (entry.Hits > 0 && --patience > 0)
            {
                entry.Hits--;
                _main.Enqueue(entry);
            }
            else
            {
                Evict(entry, EntryResidence.Main);
                return true;
            }
        }

        return false;
    }

    private void Evict(MemoryEntry entry, EntryResidence residence)
    {
        entry.Residence = EntryResidence.Removed;
        Uncount(entry, residence);
        evict(entry);
    }

    private void Uncount(MemoryEntry entry, EntryResidence residence)
    {
        _count--;
        _bytes -= entry.Size;
        if (residence == EntryResidence.Small)
        {
            _smallCount--;
            _smallBytes -= entry.Size;
        }
    }

    private void Forgotten(MemoryEntry entry)
    {
        _removedCount--;
        _removedBytes -= entry.Size;
    }

    private static void Rebuild(Queue<MemoryEntry> queue)
    {
        for (var left = queue.Count; left > 0; left--)
        {
            var entry = queue.Dequeue();
            if (entry.Residence != EntryResidence.Removed)
            {
                queue.Enqueue(entry);
            }
        }
    }

    // One fingerprint per slot; a newer one takes the slot, which is the ghost queue's bound and expiry in one.
    private void RememberGhost(MemoryEntry entry)
    {
        _ghosts ??= new uint[(int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(_maximumEntries, 64, 1 << 22))];
        var hash = KeyHash.Compute(entry.Key, entry.Scope.HashSeed);
        _ghosts[hash & (uint)(_ghosts.Length - 1)] = (uint)(hash >> 32) | 1;
    }

    private bool WasGhost(MemoryEntry entry)
    {
        if (_ghosts is null)
        {
            return false;
        }

        var hash = KeyHash.Compute(entry.Key, entry.Scope.HashSeed);
        ref var slot = ref _ghosts[hash & (uint)(_ghosts.Length - 1)];
        if (slot != ((uint)(hash >> 32) | 1))
        {
            return false;
        }

        slot = 0;
        return true;
    }
}
