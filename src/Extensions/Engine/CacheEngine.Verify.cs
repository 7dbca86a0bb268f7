namespace Larder.Engine;

internal sealed partial class CacheEngine
{
    /// <summary>
    /// Whether an entry may be served, although its generation or this node's hearing is in doubt:
    /// its stamps must be the current ones, and where single keys may have been missed the second level must hold the same
    /// entry.
    /// </summary>
    /// <remarks>
    /// When the second level does not answer, an entry that nothing on this node speaks against is served until it is
    /// <c>BackplaneTimeout</c> old, counted from its load or its last verification. So an outage costs one load per key and
    /// timeout on each node, and staleness stays bounded while it lasts.
    /// </remarks>
    private async ValueTask<Verification> VerifyAsync(MemoryEntry entry, string physicalKey)
    {
        var generation = _groups.Counter;
        var now = _clock.Now;
        var server = ReadableServer;
        if (_second!.IsOpen || server is null)
        {
            return Unanswered(entry);
        }

        var origin = entry.Origin;
        if (origin is null)
        {
            // Nothing to compare: it was loaded while the second level was away.
            return IsRecentEnough(entry) && !IsTrusted ? Verification.Valid : Verification.Unknown;
        }

        if (_pending.HasKey(physicalKey))
        {
            return Verification.Invalid;
        }

        var scopeStamp = await _stamps!.GetAsync(entry.Scope, TimeSpan.Zero).ConfigureAwait(false);
        if (scopeStamp == 0)
        {
            return Unanswered(entry);
        }

        if (scopeStamp != origin.ScopeStamp)
        {
            return Verification.Invalid;
        }

        for (var i = 0; entry.Tags is not null && i < entry.Tags.Length; i++)
        {
            var stamp = await _stamps.GetAsync(entry.Tags[i], TimeSpan.Zero).ConfigureAwait(false);
            if (stamp == 0)
            {
                return Unanswered(entry);
            }

            if (stamp != origin.TagStamps![i])
            {
                return Verification.Invalid;
            }
        }

        var keyMayHaveBeenMissed = _backplane is null ? now >= VerifyBy(entry.VerifiedAt) : entry.Generation < Volatile.Read(ref _doubtGeneration) || !IsTrusted;
        if (keyMayHaveBeenMissed)
        {
            if (origin.Id == 0)
            {
                // Kept on this node only, by choice. Without a backplane nobody could ever tell it of a removal; with one, a
                // removal may have been missed and cannot be found out.
                if (_backplane is not null)
                {
                    return Verification.Invalid;
                }
            }
            else
            {
                var id = await _second.GetIdAsync(physicalKey).ConfigureAwait(false);
                if (!id.Succeeded)
                {
                    return Unanswered(entry);
                }

                if (id.Value != origin.Id)
                {
                    return Verification.Invalid;
                }
            }
        }

        if (!IsReadable(server))
        {
            return Unanswered(entry);
        }

        if (entry.Terms is { } terms)
        {
            terms.Verified(entry, generation, now, VerifyBy(now));
        }
        else
        {
            entry.Verified(generation, now, Math.Min(entry.FreshUntil, VerifyBy(now)));
        }

        return Verification.Valid;
    }

    private Verification Unanswered(MemoryEntry entry) => IsRecentEnough(entry) ? Verification.Valid : Verification.Unknown;

    private bool IsRecentEnough(MemoryEntry entry) =>
        entry.IsCurrent() && _clock.Now - entry.VerifiedAt < (_backplane is null ? _options.StampAge : _options.BackplaneTimeout).TotalMilliseconds;

    private enum Verification
    {
        /// <summary>It is what the second level holds, or was a moment ago.</summary>
        Valid,

        /// <summary>It was invalidated.</summary>
        Invalid,

        /// <summary>The second level did not answer.</summary>
        Unknown,
    }
}
