using System.Runtime.CompilerServices;
using Larder.Admin;
using Larder.Scopes;

namespace Larder.Engine;

/// <remarks>What the cache holds, without its values. What a call could not be given is left out: expired, invalidated, or of another scope.</remarks>
internal sealed partial class CacheEngine
{
    private const int InspectBatch = 64;

    // What a listing shows twice it shows soon after another: enough to tell, and bounded.
    private const int RememberedKeys = 10_000;

    /// <summary>The entries of a scope whose keys fit a pattern, as they are found.</summary>
    /// <remarks>First what is at the second level, then what only this node's memory holds. An entry that is there throughout comes once; others may come or not.</remarks>
    /// <exception cref="NotSupportedException">The entries are in somebody else's cache, which cannot list them.</exception>
    public IAsyncEnumerable<CacheEntryDetails> InspectAsync(ScopeState scope, KeyPattern pattern, CancellationToken cancellationToken) =>
        _keepsMemory || _second is { CanList: true } ? InspectLevelsAsync(scope, pattern, cancellationToken)
        : throw new NotSupportedException("Entries cannot be listed here: they are in a HybridCache that Larder wraps, and that type has no means to list them.");

    /// <summary>One entry, if a call could be given it.</summary>
    public async ValueTask<CacheEntryDetails?> FindAsync(ScopeState scope, string key, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ArgumentNullException.ThrowIfNull(key);
        if (!IsCacheable(key))
        {
            return null;
        }

        var stored = _second is null ? null : await ReadStoredAsync(scope, scope.PhysicalKey(key), key).ConfigureAwait(false);
        return stored ?? (_memory.TryGet(scope, key, out var entry) ? await ReadHeldAsync(entry, skipsStored: false).ConfigureAwait(false) : null);
    }

    private async IAsyncEnumerable<CacheEntryDetails> InspectLevelsAsync(ScopeState scope, KeyPattern pattern, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var isListed = _second is { CanList: true };
        if (isListed)
        {
            var hashedHere = HashedKeys(scope);
            var seen = new HashSet<string>(StringComparer.Ordinal);
            await foreach (var page in ListAsync(scope, pattern, withLeases: false, cancellationToken).ConfigureAwait(false))
            {
                var keys = page.Where(listed => !(listed.Key is null && hashedHere.Contains(listed.PhysicalKey)) && seen.Add(listed.PhysicalKey));
                foreach (var batch in keys.Chunk(InspectBatch))
                {
                    var entries = await Task.WhenAll(batch.Select(listed => ReadStoredAsync(scope, listed.PhysicalKey, listed.Key).AsTask())).ConfigureAwait(false);
                    foreach (var entry in entries)
                    {
                        if (entry is not null)
                        {
                            cancellationToken.ThrowIfCancellationRequested();
                            yield return entry;
                        }
                    }
                }

                if (seen.Count > RememberedKeys)
                {
                    seen.Clear();
                }
            }
        }

        var held = _memory.Entries.Where(entry => ReferenceEquals(entry.Scope, scope) && pattern.Matches(entry.Key));
        foreach (var batch in held.Chunk(InspectBatch))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var entries = await Task.WhenAll(batch.Select(entry => ReadHeldAsync(entry, isListed && !ScopedKey.IsHashed(scope.PhysicalKey(entry.Key).AsSpan(scope.KeyPrefix.Length))).AsTask())).ConfigureAwait(false);
            foreach (var entry in entries)
            {
                if (entry is not null)
                {
                    yield return entry;
                }
            }
        }
    }

    /// <summary>The keys of a scope at the second level that fit a pattern; without a key's text where only its hash stands there.</summary>
    private async IAsyncEnumerable<IReadOnlyList<(string PhysicalKey, string? Key)>> ListAsync(
        ScopeState scope, KeyPattern pattern, bool withLeases, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var pages = _second!.ListAsync(scope.KeyPrefix + ScopedKey.KeyStart(pattern.Start), withLeases, cancellationToken).GetAsyncEnumerator(cancellationToken);
        await using (pages.ConfigureAwait(false))
        {
            while (true)
            {
                try
                {
                    if (MustReapply)
                    {
                        throw new InvalidOperationException("Another server has taken over, and has not been told yet what was invalidated last.");
                    }

                    if (!await pages.MoveNextAsync().ConfigureAwait(false))
                    {
                        yield break;
                    }
                }
                catch (Exception exception) when (exception is not OperationCanceledException)
                {
                    throw new SecondLevelException("The keys at the second level could not be listed, because it did not answer. What was found before holds.", exception);
                }

                var found = new List<(string, string?)>(pages.Current.Count);
                foreach (var physicalKey in pages.Current)
                {
                    // The server was asked for these only; looked at again all the same, because a scope's wall is not left to a pattern.
                    if (!physicalKey.StartsWith(scope.KeyPrefix, StringComparison.Ordinal))
                    {
                        continue;
                    }

                    var rest = physicalKey.AsSpan(scope.KeyPrefix.Length);
                    if (ScopedKey.IsHashed(rest))
                    {
                        if (pattern.MatchesEverything)
                        {
                            found.Add((physicalKey, null));
                        }
                    }
                    else if (ScopedKey.TryReadKey(rest, out var key) && pattern.Matches(key))
                    {
                        found.Add((physicalKey, key));
                    }
                }

                yield return found;
            }
        }
    }

    // Physical keys of this node's entries whose text does not stand at the server.
    private HashSet<string> HashedKeys(ScopeState scope) =>
        [.. _memory.Entries.Where(entry => ReferenceEquals(entry.Scope, scope) && entry.Key.Length > ScopedKey.MaximumKeyLength / 6)
            .Select(entry => scope.PhysicalKey(entry.Key)).Where(physicalKey => ScopedKey.IsHashed(physicalKey.AsSpan(scope.KeyPrefix.Length)))];

    /// <summary>What the second level holds under a key, if a read would find it.</summary>
    /// <exception cref="SecondLevelException">It did not answer.</exception>
    private async ValueTask<CacheEntryDetails?> ReadStoredAsync(ScopeState scope, string physicalKey, string? key)
    {
        if (_pending.HasKey(physicalKey) || await ReadHeadAsync(scope, physicalKey, ThrowIfUnlisted).ConfigureAwait(false) is not { } found)
        {
            return null;
        }

        var held = key is not null && _memory.TryGet(scope, key, out var entry) && entry.Origin?.Id == found.Header.Id && IsInTime(entry, _clock.Now) ? entry : null;
        return Details(scope, key ?? physicalKey[scope.KeyPrefix.Length..], Info(found.Header, found.Size), held, isStored: true) with { IsKeyHashed = key is null };
    }

    /// <summary>An entry in memory, if a read would find it; not if <paramref name="skipsStored"/> and the second level holds it too.</summary>
    private async ValueTask<CacheEntryDetails?> ReadHeldAsync(MemoryEntry entry, bool skipsStored)
    {
        if (!await IsServableAsync(entry).ConfigureAwait(false))
        {
            return null;
        }

        var isStored = entry.Origin is { Id: not 0 } origin && await _second!.GetIdAsync(entry.Scope.PhysicalKey(entry.Key)).ConfigureAwait(false) is { Succeeded: true } id && id.Value == origin.Id;
        return isStored && skipsStored ? null : Details(entry.Scope, entry.Key, Info(entry, _clock.Now), entry, isStored);
    }

    private CacheEntryDetails Details(ScopeState scope, string key, CacheEntryInfo info, MemoryEntry? held, bool isStored) => new()
    {
        Scope = scope.Scope,
        Key = key,
        Levels = (held is null ? CacheLevels.None : CacheLevels.Memory) | (isStored ? CacheLevels.SecondLevel : CacheLevels.None),
        Info = info,
        Hits = held is null || _statistics is null ? null : held.Use?.Hits ?? 0,
        LastAccess = held?.Use is { } use ? DateTimeOffset.FromUnixTimeMilliseconds(_clock.UtcNowMilliseconds - (_clock.Now - use.LastHit)) : null,
    };

    private static void ThrowIfUnlisted(bool unread)
    {
        if (unread)
        {
            throw new SecondLevelException("An entry could not be looked at, because the second level did not answer.");
        }
    }
}
