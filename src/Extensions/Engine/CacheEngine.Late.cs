using System.Diagnostics.CodeAnalysis;
using Larder.Diagnostics;

namespace Larder.Engine;

/// <remarks>
/// Hits on entries whose plain time is over (see <see cref="EntryTerms"/>), and the loads they start in the background. A background load
/// runs in the execution context of the call that started it: the ambient scope is that caller's. Its trace is one of its own that refers to the caller's, where anybody follows it. It is a load like any
/// other, in the table of flights and under the key's lease, so whoever needs the value meanwhile joins it, and an invalidation
/// fences it.
/// </remarks>
internal sealed partial class CacheEngine
{
    private static readonly TimeSpan Crowded = TimeSpan.FromMilliseconds(250);

    private int _refreshes;

    /// <summary>For how many milliseconds others leave a key to a load in the background, as long as nodes wait for one another's.</summary>
    public long BackgroundPatience { get; }

    /// <summary>How many loads run in the background.</summary>
    public int RefreshCount => Volatile.Read(ref _refreshes);

    /// <summary>A hit on an entry that a plain look does not serve. It does not wait; it may start a load.</summary>
    private bool TryHitLate<TLoader, T>(
        ScopeState scope, ReadOnlySpan<char> key, TLoader loader, in EntryPolicy policy, IEnumerable<string>? tags, [MaybeNullWhen(false)] out T value)
        where TLoader : struct, ILoader<T>
    {
        if (!policy.LooksIntoMemory || !_memory.TryGet(scope, key, out var entry) || entry.Terms is null || !TryServe(entry, MayRefresh(policy), isVerified: false, out value, out var isDue))
        {
            value = default;
            return false;
        }

        if (isDue)
        {
            StartRefresh<TLoader, T>(entry, loader, policy, tags);
        }

        return true;
    }

    // What the caller loads replaces the entry only if the caller's flags let it be kept where the entry is.
    private bool MayRefresh(in EntryPolicy policy) => policy.RunsFactory && (policy.WritesMemory || (!_keepsMemory && WritesShared(policy)));

    /// <summary>The value of an entry, if it may be served. Says whether a load is now to be started in the background; that is then the caller's to do.</summary>
    private bool TryServe<T>(MemoryEntry entry, bool mayRefresh, bool isVerified, [MaybeNullWhen(false)] out T value, out bool isDue)
    {
        var now = _clock.Now;
        isDue = false;
        value = default;
        if (!isVerified && (now >= Volatile.Read(ref _trustedUntil) || !entry.IsCurrent() || now >= VerifyBy(entry.VerifiedAt)))
        {
            return false;
        }

        if (entry.Terms is not { } terms)
        {
            return entry.IsFresh(now) && TryReadEntry(entry, out value);
        }

        var read = terms.Read(entry, now, mayRefresh ? now + BackgroundPatience : 0, VerifyBy(entry.VerifiedAt));
        if (read == LateRead.None)
        {
            return false;
        }

        if (!TryReadEntry(entry, out value))
        {
            if (read == LateRead.Refresh)
            {
                terms.Hold(entry, now, 0, endsRefresh: true, VerifyBy(entry.VerifiedAt));
            }

            return false;
        }

        isDue = read == LateRead.Refresh;
        if (read == LateRead.Touch)
        {
            TouchSecondLevel(entry, terms, now);
        }

        return true;
    }

    private void TouchSecondLevel(MemoryEntry entry, EntryTerms terms, long now)
    {
        if (_second is not null && entry.Origin is { Id: not 0 } origin && now < terms.Expires && !_second.IsOpen)
        {
            // Nobody waits for it: should it fail, the entry ends sooner.
            _ = _second.TouchAsync(
                entry.Scope.PhysicalKey(entry.Key), origin.Id, EngineClock.Span(terms.Expires - now), EngineClock.Span(terms.Stored.SlidingWindow)).AsTask();
        }
    }

    private void StartRefresh<TLoader, T>(MemoryEntry entry, TLoader loader, EntryPolicy policy, IEnumerable<string>? tags, Flight<T>? foundBy = null)
        where TLoader : struct, ILoader<T>
    {
        if (Interlocked.Increment(ref _refreshes) > _options.MaximumBackgroundLoads || _stoppingToken.IsCancellationRequested)
        {
            EndRefresh(entry, Crowded);
            return;
        }

        Flight<T>? flight = null;
        try
        {
            var groups = ResolveTags(entry.Scope, tags, out var names);
            flight = Flight<T>.Refresh(new MemoryKey(entry.Scope, entry.Key), policy.Flags, _groups.Counter, groups, _stoppingToken);
            flight.Replaces(entry);
            if (_flights.TryAddRefresh(flight, foundBy, _memory))
            {
                var load = new Load<T>(flight, policy, names, groups) { Refreshes = entry, Elsewhere = new(TaskCreationOptions.RunContinuationsAsynchronously) };
                loader.Refreshes(Task.Run(() => RefreshAsync(load, loader, entry)), load.Elsewhere.Task);
                return;
            }
        }
        catch (ObjectDisposedException)
        {
            // The engine is being disposed of.
        }
        catch
        {
            EndRefresh(entry, Crowded);
            throw;
        }

        // Someone loads it already, or has changed the key.
        flight?.DisposeToken();
        EndRefresh(entry, Crowded);
    }

    private async Task RefreshAsync<TLoader, T>(Load<T> load, TLoader loader, MemoryEntry entry)
        where TLoader : struct, ILoader<T>
    {
        using var activity = LarderActivities.StartRefresh(entry.Scope);
        var outcome = "failed";
        try
        {
            await LeadAsync(load, loader).ConfigureAwait(false);
            outcome = load.IsStored ? "stored" : "unstored";
        }
        catch (Exception exception)
        {
            activity.Fail(LarderActivities.ErrorType(exception));

            // Told where it happened; here nobody waits for it.
        }
        finally
        {
            if (!_keepsMemory && !load.IsStored)
            {
                // The level that keeps the entry does not know that a load was tried.
                HoldOver(load.Flight, entry, load.Policy);
            }

            activity?.SetTag(AttributeNames.Outcome, outcome);
            if (_metrics.Refreshes.Enabled)
            {
                _metrics.Refreshes.Add(1, entry.Scope.Labels.With(LarderMetrics.Tag(AttributeNames.Outcome, outcome)));
            }

            load.Flight.DisposeToken();
            EndRefresh(entry, load.Policy.Rules.StaleIfErrorThrottle);
        }
    }

    // If the load has replaced the entry, what is noted on it is of no consequence.
    private void EndRefresh(MemoryEntry entry, TimeSpan pause)
    {
        var now = _clock.Now;
        entry.Terms!.Hold(entry, now, EngineClock.AddSaturating(now, pause), endsRefresh: true, VerifyBy(entry.VerifiedAt));
        Interlocked.Decrement(ref _refreshes);
    }
}
