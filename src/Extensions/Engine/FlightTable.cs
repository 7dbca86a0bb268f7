using System.Diagnostics.CodeAnalysis;
using Larder.Tags;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Engine;

/// <summary>What is under way, by key: loads to join, and loads and writes to fence when the key changes.</summary>
internal sealed class FlightTable
{
    private const int StripeCount = 64;
    private readonly Stripe[] _stripes = [.. Enumerable.Range(0, StripeCount).Select(_ => new Stripe())];

    /// <summary>How many loads and writes are under way.</summary>
    public int Count => Sum(static _ => 1);

    /// <summary>How many callers they have.</summary>
    public int CallerCount => Sum(static activity => activity.Callers);

    /// <summary>Joins the load of the key if there is one that may be joined, or adds one. Says whether it joined.</summary>
    public bool JoinOrAdd<T>(MemoryKey key, HybridCacheEntryFlags flags, long generation, Group[]? tags, bool cancellable, out Flight<T> flight)
    {
        var stripe = Find(key);
        lock (stripe.Lock)
        {
            stripe.Activities.TryGetValue(key, out var first);
            for (var activity = first; activity is not null; activity = activity.Next)
            {
                if (activity is Flight<T> { IsRefresh: false } existing && existing.TryJoin(flags, tags))
                {
                    flight = existing;
                    return true;
                }
            }

            flight = new Flight<T>(key, flags, generation, tags, cancellable) { Next = first };
            stripe.Activities[key] = flight;
            return false;
        }
    }

    /// <summary>Joins a load of the key that goes on in the background, for a load that would otherwise run its own factory.</summary>
    /// <remarks>
    /// Who joins <paramref name="waiter"/> from now on is asked about invalidations since the older of the two began. Who has joined it before was
    /// not, so then there is no joining a load that is older.
    /// </remarks>
    public bool TryJoinRefresh<T>(Flight<T> waiter, HybridCacheEntryFlags flags, Group[]? tags, [NotNullWhen(true)] out Flight<T>? flight)
    {
        var key = waiter.Key;
        var stripe = Find(key);
        lock (stripe.Lock)
        {
            stripe.Activities.TryGetValue(key, out var first);
            for (var activity = first; activity is not null; activity = activity.Next)
            {
                if (activity is Flight<T> { IsRefresh: true } existing
                    && (existing.Generation >= waiter.Generation || !waiter.IsShared)
                    && existing.TryJoin(flags, tags))
                {
                    waiter.AgeTo(existing.Generation);
                    flight = existing;
                    return true;
                }
            }
        }

        flight = null;
        return false;
    }

    /// <summary>Adds a load in the background, unless one of the key is under way whose result would be as good, or the key was changed.</summary>
    /// <remarks>
    /// The value that is to be replaced was found before this. A change of the key in between has fenced nothing that could tell, so it is looked
    /// for here, where nothing can change: memory must still hold the very entry, or the flight that found it must not have been fenced.
    /// </remarks>
    /// <param name="refresh">The load.</param>
    /// <param name="foundBy">The flight, still in the table, that found the value it replaces; null if it was found in memory.</param>
    /// <param name="memory">The memory level.</param>
    public bool TryAddRefresh<T>(Flight<T> refresh, KeyActivity? foundBy, MemoryLevel memory)
    {
        var stripe = Find(refresh.Key);
        lock (stripe.Lock)
        {
            if (foundBy is null ? !memory.TryGet(refresh.Key.Scope, refresh.Key.Key, out var present) || !ReferenceEquals(present, refresh.Stale) : foundBy.IsFenced)
            {
                return false;
            }

            stripe.Activities.TryGetValue(refresh.Key, out var first);
            for (var activity = first; activity is not null; activity = activity.Next)
            {
                if (activity is Flight<T> existing && !ReferenceEquals(existing, foundBy) && existing.IsAsGoodAs(refresh))
                {
                    return false;
                }
            }

            refresh.Next = first;
            stripe.Activities[refresh.Key] = refresh;
            return true;
        }
    }

    /// <summary>Adds a look at the key, beside whatever is under way.</summary>
    public Flight<T> AddLook<T>(MemoryKey key, HybridCacheEntryFlags flags, long generation)
    {
        var look = Flight<T>.Look(key, flags, generation);
        var stripe = Find(key);
        lock (stripe.Lock)
        {
            stripe.Activities.TryGetValue(key, out var first);
            look.Next = first;
            stripe.Activities[key] = look;
        }

        return look;
    }

    /// <summary>Fences what is under way for the key and adds a write.</summary>
    public KeyWrite BeginWrite(MemoryKey key)
    {
        var write = new KeyWrite(key);
        var stripe = Find(key);
        lock (stripe.Lock)
        {
            stripe.Activities.TryGetValue(key, out var first);
            FenceChain(first, spared: null);
            write.Next = first;
            stripe.Activities[key] = write;
        }

        return write;
    }

    /// <summary>
    /// Fences everything under way for the key except <paramref name="spared"/>, and runs <paramref name="change"/> before
    /// anything new can begin: what begins later finds memory changed. What is fenced stays in the table until it ends, so
    /// that <see cref="WritesEnd"/> sees it.
    /// </summary>
    public void Fence<TState>(MemoryKey key, KeyActivity? spared, TState state, Action<TState> change)
    {
        var stripe = Find(key);
        lock (stripe.Lock)
        {
            if (stripe.Activities.TryGetValue(key, out var first))
            {
                FenceChain(first, spared);
            }

            change(state);
        }
    }

    /// <summary>Ends when the writes to the second level that are under way for the key now have ended.</summary>
    public Task WritesEnd(MemoryKey key, KeyActivity? spared = null)
    {
        List<Task>? writes = null;
        var stripe = Find(key);
        lock (stripe.Lock)
        {
            stripe.Activities.TryGetValue(key, out var first);
            for (var activity = first; activity is not null; activity = activity.Next)
            {
                if (!ReferenceEquals(activity, spared) && activity.WriteEnd is { IsCompleted: false } write)
                {
                    (writes ??= []).Add(write);
                }
            }
        }

        return writes is null ? Task.CompletedTask : Task.WhenAll(writes);
    }

    public void Remove(KeyActivity activity)
    {
        var stripe = Find(activity.Key);
        lock (stripe.Lock)
        {
            if (!stripe.Activities.TryGetValue(activity.Key, out var first))
            {
                return;
            }

            if (ReferenceEquals(first, activity))
            {
                if (activity.Next is null)
                {
                    stripe.Activities.Remove(activity.Key);
                }
                else
                {
                    stripe.Activities[activity.Key] = activity.Next;
                }

                return;
            }

            for (var before = first; before is not null; before = before.Next)
            {
                if (ReferenceEquals(before.Next, activity))
                {
                    before.Next = activity.Next;
                    return;
                }
            }
        }
    }

    /// <summary>The keys of a scope for which something is under way. What is under way throughout is among them.</summary>
    public IReadOnlyList<string> Keys(ScopeState scope)
    {
        var keys = new List<string>();
        foreach (var stripe in _stripes)
        {
            lock (stripe.Lock)
            {
                foreach (var key in stripe.Activities.Keys)
                {
                    if (ReferenceEquals(key.Scope, scope))
                    {
                        keys.Add(key.Key);
                    }
                }
            }
        }

        return keys;
    }

    private int Sum(Func<KeyActivity, int> part)
    {
        var sum = 0;
        foreach (var stripe in _stripes)
        {
            lock (stripe.Lock)
            {
                foreach (var (_, first) in stripe.Activities)
                {
                    for (var activity = first; activity is not null; activity = activity.Next)
                    {
                        sum += part(activity);
                    }
                }
            }
        }

        return sum;
    }

    private Stripe Find(MemoryKey key) => _stripes[(MemoryKeyComparer.Instance.GetHashCode(key) >>> 8) & (StripeCount - 1)];

    private static void FenceChain(KeyActivity? first, KeyActivity? spared)
    {
        for (var activity = first; activity is not null; activity = activity.Next)
        {
            if (!ReferenceEquals(activity, spared))
            {
                activity.Fence();
            }
        }
    }

    private sealed class Stripe
    {
        public Lock Lock { get; } = new();

        public Dictionary<MemoryKey, KeyActivity> Activities { get; } = new(MemoryKeyComparer.Instance);
    }
}
