using Larder.Engine;

namespace Larder.Tags;

/// <summary>Stamps of groups: from this node's memory while it may be trusted, otherwise from the second level.</summary>
internal sealed class StampReader(GuardedSecondLevel second, EngineClock clock, Func<long, long> readAfter, Action<Group> invalidate)
{
    /// <summary>
    /// How long the server keeps a stamp at least. A stamp must outlive the entries that carry it, or they are lost with it, so
    /// it is prolonged when an entry is to live longer than what is left. A load may take this much on top.
    /// </summary>
    private static readonly TimeSpan MinimumLife = TimeSpan.FromDays(1);
    private static readonly TimeSpan LoadMargin = TimeSpan.FromMinutes(10);

    /// <summary>How long a new stamp is kept when nothing is known of the entries that will carry it.</summary>
    public static TimeSpan DefaultLife => MinimumLife;

    /// <summary>The folded stamp of the scope's levels, or zero when it cannot be had.</summary>
    public ValueTask<long> GetAsync(ScopeState scope, TimeSpan expiration)
    {
        var now = clock.Now;
        var after = readAfter(now);
        var until = EngineClock.AddSaturating(now, expiration);
        Span<long> stamps = stackalloc long[4];
        for (var i = 0; i < stamps.Length; i++)
        {
            if (!scope.Levels[i].TryGetStamp(after, until, out stamps[i]))
            {
                return ReadAsync(scope, expiration);
            }
        }

        return new(ScopeState.Fold(stamps));
    }

    /// <summary>The group's stamp, or zero when it cannot be had.</summary>
    public ValueTask<long> GetAsync(Group group, TimeSpan expiration)
    {
        var now = clock.Now;
        return group.TryGetStamp(readAfter(now), EngineClock.AddSaturating(now, expiration), out var stamp) ? new(stamp) : new(ReadAsync(group, expiration));
    }

    /// <summary>
    /// Asks the second level about stamps that a stored entry contradicts. The server may have lost one and given out another,
    /// of which no message tells. Says whether any was another; what depends on it is then in doubt.
    /// </summary>
    public async ValueTask<bool> QuestionAsync(IEnumerable<Group> groups)
    {
        var changed = false;
        foreach (var group in groups)
        {
            if (group.TryQuestion(clock.Now, out var believed)
                && await second.GetStampAsync(group.Id, MinimumLife).ConfigureAwait(false) is { Succeeded: true } read
                && read.Value != believed)
            {
                invalidate(group);
                changed = true;
            }
        }

        return changed;
    }

    private async ValueTask<long> ReadAsync(ScopeState scope, TimeSpan expiration)
    {
        var reads = new ValueTask<long>[scope.Levels.Length];
        for (var i = 0; i < reads.Length; i++)
        {
            reads[i] = GetAsync(scope.Levels[i], expiration);
        }

        var stamps = new long[reads.Length];
        for (var i = 0; i < reads.Length; i++)
        {
            stamps[i] = await reads[i].ConfigureAwait(false);
        }

        return Array.IndexOf(stamps, 0) >= 0 ? 0 : ScopeState.Fold(stamps);
    }

    private async Task<long> ReadAsync(Group group, TimeSpan expiration)
    {
        if (group.IsPending)
        {
            return 0;
        }

        // The generation is noted before the read, so that a stamp read before an invalidation is not kept after it.
        var generation = group.Generation;
        var life = expiration < TimeSpan.MaxValue / 4 ? (expiration + LoadMargin) * 2 : TimeSpan.MaxValue / 4;
        life = life < MinimumLife ? MinimumLife : life;
        var now = clock.Now;
        var read = await second.GetStampAsync(group.Id, life).ConfigureAwait(false);
        if (!read.Succeeded)
        {
            return 0;
        }

        group.Learn(read.Value, generation, now, EngineClock.AddSaturating(now, life - LoadMargin));
        return group.IsPending ? 0 : read.Value;
    }
}
