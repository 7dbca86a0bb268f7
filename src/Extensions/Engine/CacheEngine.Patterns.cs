using Larder.Admin;
using Larder.Backplane;
using Larder.Diagnostics;
using Larder.Scopes;

namespace Larder.Engine;

/// <remarks>
/// <para><b>Removal by pattern.</b> On this node, and on the others when the message reaches them, whatever is under way for a key that fits is fenced, and then memory is
/// looked through: a load that began before either is still in the table, and is fenced, or has ended, and its entry is found.</para>
/// <para>At the server the keys are listed twice, with the leases the first time. A load on another node that began before the removal holds its key's lease until it stores.
/// If it stores after the first listing, its lease was there all the while that took, so it was listed and broken, and the store is refused. If it stores
/// before, its value is there all the while the second listing takes, and is removed by it. A listing gives what is there throughout; so nothing slips between the two.</para>
/// <para>What began while this runs and has read an old value at the server before that was removed, has put it into memory before the message, and is found there, or is
/// fenced by it. That is why the pattern itself is told, after all is removed, and not each key.</para>
/// </remarks>
internal sealed partial class CacheEngine
{
    /// <summary>Removes the entries of a scope whose keys fit a pattern, at all levels and on all nodes. Gives how many of them a read would have found.</summary>
    /// <exception cref="NotSupportedException">The second level cannot list its keys.</exception>
    /// <exception cref="SecondLevelException">It did not answer, and some may be left there; or the other nodes were not told, and the options ask to say so.</exception>
    public async ValueTask<long> RemoveByPatternAsync(ScopeState scope, KeyPattern pattern, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_second is { CanList: false })
        {
            throw new NotSupportedException("Keys can be removed by pattern in memory alone and on Redis or Valkey (UseRedis, UseValkey). The second level of this cache cannot list its keys: give the entries a tag, and remove that.");
        }

        var message = BackplaneMessage.PatternInvalidated(scope.Id, pattern.Encode());
        using var span = BeginInvalidation(message);
        var (count, hashed) = ForgetMatching(scope, pattern);
        if (_second is null)
        {
            Invalidations.Publish(message, isLocal: true);
            return count;
        }

        try
        {
            count += await RemoveEachAsync(scope, hashed.Select(key => (scope.PhysicalKey(key), (string?)key))).ConfigureAwait(false);
            foreach (var withLeases in new[] { true, false })
            {
                await foreach (var page in ListAsync(scope, pattern, withLeases, cancellationToken).ConfigureAwait(false))
                {
                    count += await RemoveEachAsync(scope, page).ConfigureAwait(false);
                }
            }
        }
        catch (Exception exception) when (span.Fails(exception))
        {
            throw;
        }
        finally
        {
            // Also when it has stopped half way: what is gone at the server must not stay in memory anywhere.
            _ = ForgetMatching(scope, pattern);
            Invalidations.Publish(message, isLocal: true);
            await TellAsync(message, PendingInvalidation.OfPattern(message), InvalidationPolicy).ConfigureAwait(false);
        }

        return count;
    }

    /// <summary>Forgets the keys that fit on this node; gives how many valid entries were here and nowhere else, and the keys whose text does not stand at the server.</summary>
    private (long Count, HashSet<string> Hashed) ForgetMatching(ScopeState scope, KeyPattern pattern)
    {
        var count = 0L;
        var hashed = new HashSet<string>(StringComparer.Ordinal);
        foreach (var key in _flights.Keys(scope))
        {
            if (pattern.Matches(key))
            {
                // Its lease is found by no listing.
                AddIfHashed(key);
                Forget(new MemoryKey(scope, key));
            }
        }

        foreach (var entry in _memory.Entries)
        {
            if (!ReferenceEquals(entry.Scope, scope) || !pattern.Matches(entry.Key))
            {
                continue;
            }

            if (entry.Origin is not { Id: not 0 } && entry is not NegativeEntry && IsInTime(entry, _clock.Now) && entry.IsCurrent())
            {
                count++;
            }

            AddIfHashed(entry.Key);
            Forget(new MemoryKey(scope, entry.Key));
        }

        return (count, hashed);

        void AddIfHashed(string key)
        {
            if (key.Length > ScopedKey.MaximumKeyLength / 6 && ScopedKey.IsHashed(ScopedKey.Key(key)))
            {
                hashed.Add(key);
            }
        }
    }

    private async Task<long> RemoveEachAsync(ScopeState scope, IEnumerable<(string PhysicalKey, string? Key)> keys)
    {
        var count = 0L;
        foreach (var batch in keys.Chunk(InspectBatch))
        {
            var removed = await Task.WhenAll(batch.Select(listed => RemoveListedAsync(scope, listed.PhysicalKey, listed.Key))).ConfigureAwait(false);
            count += removed.Count(static wasValid => wasValid);
        }

        return count;
    }

    private async Task<bool> RemoveListedAsync(ScopeState scope, string physicalKey, string? key)
    {
        var isObsolete = _pending.HasKey(physicalKey);
        var invalidation = PendingInvalidation.OfKey(physicalKey, scope.Id, key ?? "");
        Remember(invalidation);
        var answer = await _second!.TakeAsync(physicalKey).ConfigureAwait(false);
        if (!answer.Succeeded)
        {
            Postpone(invalidation, answer.Failure);
            throw new SecondLevelException("Some keys are left at the second level, because it did not answer. They are forgotten on this node, and on the others when these can be told.", answer.Failure);
        }

        using var taken = answer.Value;
        return !isObsolete && taken.Exists && await WasServableAsync(scope, physicalKey, taken.Data).ConfigureAwait(false);
    }
}
