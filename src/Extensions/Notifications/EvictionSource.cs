using Larder.Diagnostics;
using Larder.Engine;
using Microsoft.Extensions.Logging;

namespace Larder.Notifications;

/// <summary>Tells handlers what leaves the memory level. It listens there only while there is a handler.</summary>
internal sealed class EvictionSource(MemoryLevel memory, EngineClock clock, LogLimiter limiter, ILogger logger)
{
    private readonly HandlerQueue<CacheEviction> _queue = new("eviction", limiter, logger);
    private readonly Lock _lock = new();

    public long Dropped => _queue.Dropped;

    public IDisposable Subscribe(Action<CacheEviction> handler)
    {
        // The same delegate may be given twice; each subscription is one of its own.
        Action<CacheEviction> own = eviction => handler(eviction);
        lock (_lock)
        {
            if (_queue.Add(own))
            {
                memory.Departed += OnDeparted;
            }
        }

        return new Subscription(() =>
        {
            lock (_lock)
            {
                if (_queue.Remove(own))
                {
                    memory.Departed -= OnDeparted;
                }
            }
        });
    }

    public void Complete() => _queue.Complete();

    // Called by whoever changes memory, also under the lock of its queues.
    private void OnDeparted(MemoryEntry entry, EntryDeparture departure)
    {
        // Pages are the output cache's own; their keys mean nothing to anybody else.
        if (!entry.Scope.IsPages)
        {
            _queue.Post(new CacheEviction(entry.Scope.Scope, entry.Key, Reason(entry, departure), clock.Provider.GetUtcNow()));
        }
    }

    // What an entry had come to its end by is why it goes, whoever takes it out afterwards.
    private CacheEvictionReason Reason(MemoryEntry entry, EntryDeparture departure) => departure switch
    {
        EntryDeparture.Evicted => CacheEvictionReason.Capacity,
        _ when clock.Now >= entry.ExpiresAt => CacheEvictionReason.Expired,
        EntryDeparture.Expired => CacheEvictionReason.Expired,
        EntryDeparture.Invalidated => CacheEvictionReason.Invalidated,
        _ when entry.IsKnownInvalid() => CacheEvictionReason.Invalidated,
        EntryDeparture.Removed => CacheEvictionReason.Removed,
        _ => CacheEvictionReason.Replaced,
    };
}
