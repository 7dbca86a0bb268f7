using Larder.Diagnostics;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Engine;

/// <remarks>
/// Several keys at once. What memory does not have is read from the second level in one command (on a cluster one per slot, sent together). Each key is read under a flight of its
/// own, as a single read is, so what a key becomes in memory is fenced by whatever changes it meanwhile.
/// </remarks>
internal sealed partial class CacheEngine
{
    /// <summary>How many keys are read by one command, and how many loads, writes and removals one call has under way.</summary>
    private const int ManyAtOnce = 1_000;

    /// <summary>What the cache holds of some keys, without running a factory. What it does not hold is left out.</summary>
    public async ValueTask<Dictionary<string, CacheResult<T>>> TryGetManyAsync<T>(ScopeState scope, IEnumerable<string> keys, CancellationToken cancellationToken)
    {
        var wanted = Distinct(keys);
        var results = await TryGetManyAsync<T>(scope, wanted, PlainPolicy(scope), cancellationToken).ConfigureAwait(false);
        for (var missing = wanted.Count - results.Count; missing > 0; missing--)
        {
            CountMiss(scope, loads: false);
        }

        return results;
    }

    private async ValueTask<Dictionary<string, CacheResult<T>>> TryGetManyAsync<T>(ScopeState scope, List<string> keys, EntryPolicy policy, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        policy = policy with { Flags = policy.Flags | HybridCacheEntryFlags.DisableUnderlyingData };
        var results = new Dictionary<string, CacheResult<T>>(StringComparer.Ordinal);
        var missed = new List<string>();
        foreach (var key in keys)
        {
            if (!IsCacheable(key) || policy.Expiration <= TimeSpan.Zero)
            {
                continue;
            }

            if (TryGetHere<T>(scope, key, policy, isVerified: false, out var result))
            {
                results[key] = result;
            }
            else
            {
                missed.Add(key);
            }
        }

        if (_second is not null && ReadsShared(policy))
        {
            foreach (var some in missed.Chunk(ManyAtOnce))
            {
                cancellationToken.ThrowIfCancellationRequested();
                await ReadManyAsync(scope, some, policy, results).ConfigureAwait(false);
            }
        }

        return results;
    }

    /// <summary>Gets values; those that are missing are loaded by one call.</summary>
    public async ValueTask<Dictionary<string, T>> GetOrCreateManyAsync<T>(
        ScopeState scope,
        IEnumerable<string> keys,
        Func<IReadOnlyCollection<string>, CancellationToken, ValueTask<IReadOnlyDictionary<string, T>>> load,
        CacheEntryPolicy? callPolicy,
        IEnumerable<string>? tags,
        CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var policy = new EntryPolicy(scope.Defaults, callPolicy);
        var wanted = Distinct(keys);
        _ = ResolveTags(scope, tags, out var names);
        var present = await TryGetManyAsync<T>(scope, wanted, policy, cancellationToken).ConfigureAwait(false);
        var values = new Dictionary<string, T>(StringComparer.Ordinal);
        foreach (var (key, result) in present.Where(static result => result.Value.IsFound))
        {
            values[key] = result.Value!;
        }

        foreach (var some in wanted.Where(key => !present.ContainsKey(key)).Chunk(ManyAtOnce))
        {
            await LoadManyAsync(scope, some, load, policy, names, values, cancellationToken).ConfigureAwait(false);
        }

        return values;
    }

    private async ValueTask LoadManyAsync<T>(
        ScopeState scope,
        string[] keys,
        Func<IReadOnlyCollection<string>, CancellationToken, ValueTask<IReadOnlyDictionary<string, T>>> load,
        EntryPolicy policy,
        string[]? tags,
        Dictionary<string, T> values,
        CancellationToken cancellationToken)
    {
        var batch = new LoadBatch<T>(scope, load, policy.Rules.NullIsNotFound);

        // All are in before the first begins, or it might run the function for itself.
        var members = Array.ConvertAll(keys, batch.Add);
        var loads = new Task<T>[keys.Length];
        for (var i = 0; i < keys.Length; i++)
        {
            loads[i] = LoadMemberAsync(scope, keys[i], members[i], policy, tags, cancellationToken);
        }

        await ((Task)Task.WhenAll(loads)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        for (var i = 0; i < keys.Length; i++)
        {
            var value = await loads[i].ConfigureAwait(false);
            if (!members[i].IsAbsent && members[i].Flight?.Kind is not CacheResultKind.NotFound)
            {
                values[keys[i]] = value;
            }
        }
    }

    private async Task<T> LoadMemberAsync<T>(
        ScopeState scope, string key, LoadBatch<T>.Member member, EntryPolicy policy, string[]? tags, CancellationToken cancellationToken)
    {
        try
        {
            return await LoadAsync<BatchLoader<T>, T>(scope, key, new BatchLoader<T>(member), policy, tags, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            // Found meanwhile, or failed before it came so far.
            member.StepOut();
        }
    }

    /// <summary>Reads keys that memory does not have. What cannot be read is left out.</summary>
    private async ValueTask ReadManyAsync<T>(ScopeState scope, string[] keys, EntryPolicy policy, Dictionary<string, CacheResult<T>> results)
    {
        var loads = Array.ConvertAll(keys, key => new Load<T>(_flights.AddLook<T>(new MemoryKey(scope, key), policy.Flags, _groups.Counter), policy, null, null));
        int answered;
        try
        {
            answered = await TryReadManyAsync(scope, keys, loads, policy, results).ConfigureAwait(false);
        }
        finally
        {
            foreach (var load in loads)
            {
                _flights.Remove(load.Flight);
            }
        }

        foreach (var (i, key) in keys.Index())
        {
            // What is in doubt is served for a while when nobody can be asked; what this node keeps for itself nobody else has.
            if (!results.ContainsKey(key)
                && _memory.TryGet(scope, key, out var entry)
                && (i < answered ? entry.Origin is null or { Id: 0 } && await VerifyAsync(entry, scope.PhysicalKey(key)).ConfigureAwait(false) == Verification.Valid : IsRecentEnough(entry))
                && TryGetHere<T>(scope, key, policy, isVerified: true, out var result))
            {
                results[key] = result;
            }
        }

        ThrowIfUnread(keys.Skip(answered).Any(key => !results.ContainsKey(key)), policy);
    }

    /// <summary>Reads keys from the second level; gives of how many, from the first on, it is known whether it holds them.</summary>
    private async ValueTask<int> TryReadManyAsync<T>(ScopeState scope, string[] keys, Load<T>[] loads, EntryPolicy policy, Dictionary<string, CacheResult<T>> results)
    {
        if (!await MayReadAsync(CancellationToken.None).ConfigureAwait(false))
        {
            return 0;
        }

        var physicalKeys = Array.ConvertAll(keys, key => scope.PhysicalKey(key));
        var scopeStamp = _stamps!.GetAsync(scope, TimeSpan.Zero);
        var answer = await _second!.GetManyAsync(physicalKeys, policy.Flags).ConfigureAwait(false);
        _ = await scopeStamp.ConfigureAwait(false);
        if (!answer.Succeeded)
        {
            return 0;
        }

        for (var i = 0; i < keys.Length; i++)
        {
            using var stored = answer.Value[i];
            var found = stored.Exists && !_pending.HasKey(physicalKeys[i]) ? await UseStoredAsync(loads[i], physicalKeys[i], stored.Data).ConfigureAwait(false) : default;
            if (found.IsValid)
            {
                var kind = loads[i].Flight.Kind;
                results[keys[i]] = new CacheResult<T>(kind, kind == CacheResultKind.Found ? found.Value : default);
            }
            else if (found.IsUnanswered)
            {
                // Its stamps could not be read. One call pays for one silence, so those of the rest are not asked for.
                return i;
            }
        }

        return keys.Length;
    }

    /// <summary>What memory has, if it may be served as it stands.</summary>
    private bool TryGetHere<T>(ScopeState scope, string key, in EntryPolicy policy, bool isVerified, out CacheResult<T> result)
    {
        if (policy.ReadsMemory && _memory.TryGet(scope, key, out var entry) && TryServe<T>(entry, mayRefresh: false, isVerified, out var value, out _))
        {
            result = entry is NegativeEntry ? new CacheResult<T>(CacheResultKind.NotFound, default) : new CacheResult<T>(CacheResultKind.Found, value);
            return true;
        }

        result = default;
        return false;
    }

    /// <summary>Runs something for each key, many at once but not all.</summary>
    public static async ValueTask<int> ForManyAsync<TItem>(IEnumerable<TItem> items, Func<TItem, ValueTask<bool>> run, CancellationToken cancellationToken)
    {
        var count = 0;
        foreach (var some in items.Chunk(ManyAtOnce))
        {
            cancellationToken.ThrowIfCancellationRequested();
            count += (await Task.WhenAll(some.Select(item => run(item).AsTask())).ConfigureAwait(false)).Count(static done => done);
        }

        return count;
    }

    private static List<string> Distinct(IEnumerable<string> keys)
    {
        var distinct = new List<string>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var key in keys)
        {
            if (key is null)
            {
                throw new ArgumentException("One of the keys is null.", nameof(keys));
            }

            if (seen.Add(key))
            {
                distinct.Add(key);
            }
        }

        return distinct;
    }
}
