using System.Collections.Concurrent;
using Larder.Backplane;
using Larder.Tags;

namespace Larder.Engine;

/// <summary>
/// Invalidations that the second level could not be told of, one per key or group, and those of the last minute, which a
/// server that takes over from a lost one may not have.
/// </summary>
internal sealed class PendingInvalidations(int maximum, EngineClock clock)
{
    /// <summary>How long an invalidation that was told is remembered, in milliseconds.</summary>
    public const long Memory = 60_000;

    private readonly ConcurrentDictionary<string, PendingInvalidation> _pending = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private readonly Queue<(long At, PendingInvalidation Invalidation)> _recent = new();
    private long _recentOverflowedAt = long.MinValue / 2;

    public int Count => _pending.Count;

    public bool IsEmpty => _pending.IsEmpty;

    /// <summary>Whether what the second level holds for the key is known to be obsolete.</summary>
    public bool HasKey(string physicalKey) => !_pending.IsEmpty && _pending.ContainsKey(physicalKey);

    /// <summary>Keeps an invalidation for later; false when there is no room.</summary>
    public bool Add(PendingInvalidation invalidation)
    {
        while (true)
        {
            if (_pending.TryGetValue(invalidation.Id, out var known))
            {
                // The later one takes the place, so that a replay under way that began before it does not strike it out.
                if (_pending.TryUpdate(invalidation.Id, invalidation, known))
                {
                    invalidation.Group?.BeginPending();
                    known.Group?.EndPending();
                    return true;
                }
            }
            else
            {
                if (_pending.Count >= maximum)
                {
                    return false;
                }

                invalidation.Group?.BeginPending();
                if (_pending.TryAdd(invalidation.Id, invalidation))
                {
                    return true;
                }

                invalidation.Group?.EndPending();
            }
        }
    }

    /// <summary>Puts one invalidation that covers all others in their place. The others stay until it has been added.</summary>
    public void ReplaceAllByOne(PendingInvalidation everything)
    {
        var others = _pending.ToArray();

        // Also over one that is there already: its replay may have begun before what is to be covered now.
        everything.Group?.BeginPending();
        while (!_pending.TryAdd(everything.Id, everything))
        {
            if (_pending.TryGetValue(everything.Id, out var known) && _pending.TryUpdate(everything.Id, everything, known))
            {
                known.Group?.EndPending();
                break;
            }
        }

        foreach (var (id, other) in others)
        {
            if (id != everything.Id)
            {
                Strike(other);
            }
        }
    }

    /// <summary>The invalidation was replayed: strike it out, unless a later one has taken its place.</summary>
    public bool Strike(PendingInvalidation invalidation)
    {
        if (!_pending.TryRemove(new KeyValuePair<string, PendingInvalidation>(invalidation.Id, invalidation)))
        {
            return false;
        }

        invalidation.Group?.EndPending();
        return true;
    }

    public PendingInvalidation[] Snapshot() => [.. _pending.Values];

    /// <summary>Notes an invalidation that the server is told of, for one that takes over and may lack it.</summary>
    public void Remember(PendingInvalidation invalidation)
    {
        lock (_lock)
        {
            var now = clock.Now;
            while (_recent.TryPeek(out var oldest) && now - oldest.At > Memory)
            {
                _recent.Dequeue();
            }

            if (_recent.Count >= maximum)
            {
                _recent.Dequeue();
                _recentOverflowedAt = now;
            }

            _recent.Enqueue((now, invalidation));
        }
    }

    /// <summary>What was noted within the last minute, each once; null when that was too much to remember.</summary>
    public IReadOnlyCollection<PendingInvalidation>? Recent()
    {
        lock (_lock)
        {
            var now = clock.Now;
            if (now - _recentOverflowedAt <= Memory)
            {
                return null;
            }

            var distinct = new Dictionary<string, PendingInvalidation>(StringComparer.Ordinal);
            foreach (var (at, invalidation) in _recent)
            {
                if (now - at <= Memory)
                {
                    distinct[invalidation.Id] = invalidation;
                }
            }

            return distinct.Values;
        }
    }
}

/// <summary>One invalidation: of a key, or of a group, and what the other nodes are told of it.</summary>
internal sealed class PendingInvalidation
{
    private PendingInvalidation(string id, Group? group, BackplaneMessage message, Group? activity)
    {
        Id = id;
        Group = group;
        Message = message;
        Activity = activity;
    }

    /// <summary>The physical key, or the group's id. The two do not meet: where a group's id has its project, a key has its tenant.</summary>
    public string Id { get; }

    /// <summary>The group, or null for a key.</summary>
    public Group? Group { get; }

    public BackplaneMessage Message { get; }

    /// <summary>
    /// Which server, counted from zero as they take over from one another, has been told by a replay; the other nodes may still have
    /// to be. Owned by the replay.
    /// </summary>
    public int AppliedTo { get; set; } = -1;

    /// <summary>For a tag, the group that shows its scope to be active.</summary>
    public Group? Activity { get; }

    public static PendingInvalidation OfKey(string physicalKey, string scope, string key) =>
        new(physicalKey, null, BackplaneMessage.KeyChanged(scope, key), null);

    /// <summary>What was removed at the second level key by key, and the other nodes have yet to hear of. No key's name holds a brace.</summary>
    public static PendingInvalidation OfPattern(BackplaneMessage message) => new($"{{{message.Scope}}}{message.Name}", null, message, null);

    public static PendingInvalidation OfGroup(Group group, BackplaneMessage message, Group? activity = null) => new(group.Id, group, message, activity);
}
