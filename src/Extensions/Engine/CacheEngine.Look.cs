namespace Larder.Engine;

/// <remarks>
/// Looks at an entry that leave its value where it is. What they say agrees with what a read of the same moment would have found: an entry counts if it is in its
/// time, its stamps are the current ones and no removal of it waits to be told.
/// </remarks>
internal sealed partial class CacheEngine
{
    /// <summary>Whether a read would find a value.</summary>
    public async ValueTask<bool> ExistsAsync(ScopeState scope, string key, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ArgumentNullException.ThrowIfNull(key);
        if (!IsCacheable(key))
        {
            return false;
        }

        if (scope.Defaults.ReadsMemory && _memory.TryGet(scope, key, out var entry))
        {
            if (await IsServableAsync(entry).ConfigureAwait(false))
            {
                return entry is not NegativeEntry;
            }
        }

        return _second is not null && (await LookIntoSecondLevelAsync(scope, key).ConfigureAwait(false)).Info is { IsNotFound: false };
    }

    /// <summary>What is known of an entry, by the second level if there is one; null if there is none.</summary>
    public async ValueTask<CacheEntryInfo?> LookAsync(ScopeState scope, string key, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ArgumentNullException.ThrowIfNull(key);
        if (!IsCacheable(key))
        {
            return null;
        }

        var (found, isUnread) = _second is null ? default : await LookIntoSecondLevelAsync(scope, key).ConfigureAwait(false);
        if (found is not null)
        {
            return found;
        }

        // Memory is all there is, or the entry is kept on this node alone, or nobody else could be asked. Otherwise the second level has just said that it is gone.
        return scope.Defaults.ReadsMemory
            && _memory.TryGet(scope, key, out var entry)
            && (isUnread || entry.Origin is not { Id: not 0 })
            && await IsServableAsync(entry).ConfigureAwait(false)
            ? Info(entry, _clock.Now)
            : null;
    }

    private async ValueTask<(CacheEntryInfo? Info, bool IsUnread)> LookIntoSecondLevelAsync(ScopeState scope, string key)
    {
        var policy = PlainPolicy(scope);
        var physicalKey = scope.PhysicalKey(key);
        if (!ReadsShared(policy) || _pending.HasKey(physicalKey))
        {
            return default;
        }

        var isUnread = false;
        var found = await ReadHeadAsync(scope, physicalKey, unread =>
        {
            ThrowIfUnread(unread, policy);
            isUnread |= unread;
        }).ConfigureAwait(false);
        return (found is { } head ? Info(head.Header, head.Size) : null, isUnread);
    }

    /// <summary>Whether a read would be given what memory holds.</summary>
    private async ValueTask<bool> IsServableAsync(MemoryEntry entry)
    {
        var now = _clock.Now;
        return IsInTime(entry, now)
            && ((now < Volatile.Read(ref _trustedUntil) && entry.IsCurrent() && now < VerifyBy(entry.VerifiedAt))
                || (_second is not null && await VerifyAsync(entry, entry.Scope.PhysicalKey(entry.Key)).ConfigureAwait(false) == Verification.Valid));
    }

    /// <summary>What the second level holds under a key and would be found by a read, with the number of its value's bytes.</summary>
    private async ValueTask<(EntryHeader Header, int Size)?> ReadHeadAsync(ScopeState scope, string physicalKey, Action<bool> throwIfUnread)
    {
        if (!await MayReadAsync(CancellationToken.None).ConfigureAwait(false))
        {
            throwIfUnread(true);
            return null;
        }

        var answer = await _second!.GetHeadAsync(physicalKey).ConfigureAwait(false);
        EntryHeader header;
        int size;
        using (var head = answer.Value)
        {
            throwIfUnread(!answer.Succeeded);
            if (!answer.Succeeded || !head.Exists)
            {
                return null;
            }

            if (!EntryPayload.TryReadHead(head.Data.Span, physicalKey, out header, out size))
            {
                // A foreign payload, or a header that is longer than what was read.
                answer = head.Data.Length < SecondLevel.HeadLength ? default : await _second.GetAsync(physicalKey, default).ConfigureAwait(false);
                using var whole = answer.Value;
                if (!whole.Exists || !EntryPayload.TryReadHead(whole.Data.Span, physicalKey, out header, out size))
                {
                    return null;
                }
            }
        }

        return scope.Defaults.Layers.Accept(header) && IsInTime(header) && await IsCurrentAsync(scope, header).ConfigureAwait(false) ? (header, size) : null;
    }

    private static CacheEntryInfo Info(in EntryHeader header, int size) =>
        new(Moment(header.Created), Moment(header.Expires), [.. header.Tags.Select(tag => tag.Name)], header.Indexes ?? [], size, header.IsNotFound);

    private CacheEntryInfo Info(MemoryEntry entry, long now) => new(
        Moment(entry.CreatedAtUtc),
        Moment(EngineClock.AddSaturating(_clock.UtcNowMilliseconds, (entry.Terms?.Expires ?? entry.FreshUntil) - now)),
        [.. entry.Tags?.Select(tag => tag.Tag!) ?? []],
        entry.Indexes ?? [],
        entry.Size,
        entry is NegativeEntry);

    /// <summary>Whether what was taken from the second level was something that a read would have found.</summary>
    private async ValueTask<bool> WasServableAsync(ScopeState scope, string physicalKey, ReadOnlyMemory<byte> head)
    {
        if (!EntryPayload.TryReadHead(head.Span, physicalKey, out var header, out _))
        {
            // One whose tags and indexes fill the head and more counts without a look at them.
            return head.Length == SecondLevel.HeadLength && head.Span[0] == EntryPayload.Magic;
        }

        return !header.IsNotFound && scope.Defaults.Layers.Accept(header) && IsInTime(header) && await IsCurrentAsync(scope, header).ConfigureAwait(false);
    }

    /// <summary>What a call says that says nothing.</summary>
    private static EntryPolicy PlainPolicy(ScopeState scope) => new(scope.Defaults, options: (Microsoft.Extensions.Caching.Hybrid.HybridCacheEntryOptions?)null);

    // As time goes: fresh, or kept for a while after its end.
    private static bool IsInTime(MemoryEntry entry, long now) =>
        entry.IsFresh(now) || (entry.Terms is { } terms && terms.IsAwake(now) && now >= terms.Expires && now < terms.RevalidateUntil && entry.FreshUntil >= terms.Expires);

    private bool IsInTime(in EntryHeader header)
    {
        var life = header.Expires - header.Created;
        return life > 0 && Math.Min(header.Expires - _clock.UtcNowMilliseconds, life) > -header.Terms.StaleWhileRevalidate;
    }

    // Nothing lives as long as what has no end.
    private static DateTimeOffset Moment(long milliseconds) =>
        milliseconds >= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds() ? DateTimeOffset.MaxValue : DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
}
