namespace Larder.Engine;

/// <summary>
/// What an entry is besides "served until it expires": refreshed early, served stale, ended when not read. Most entries have
/// none of it. Times are the clock's milliseconds.
/// </summary>
/// <remarks>
/// <para>A hit compares the clock with one number, <see cref="MemoryEntry.ServeUntil"/>, which is the next moment at which something is to be
/// done: start a refresh, expire, note a read. Whoever comes after it asks here (see <c>CacheEngine.Late</c>), does what is due and moves that
/// number on. All of it happens under the lock of this object, the moving on too, so one caller starts a refresh, the others go on as hits, and no late
/// writer puts back what an earlier state allowed.</para>
/// <para>The second level holds the same terms, so they are the entry's on every node, whoever stored it.</para>
/// </remarks>
internal sealed class EntryTerms(long expires, long refreshAt, StoredTerms stored)
{
    private readonly Lock _lock = new();
    private long _refreshUntil;
    private long _retryAt;
    private long _readAt;
    private long _touchAt;

    /// <summary>What an entry with terms costs in memory beyond one without, in bytes.</summary>
    public const int Overhead = 160;

    public StoredTerms Stored { get; } = stored;

    /// <summary>When the value expires wherever it is. A node's own copy may be fresh for less.</summary>
    public long Expires { get; } = expires;

    public long RevalidateUntil { get; } = EngineClock.AddSaturating(expires, stored.StaleWhileRevalidate);

    public long StaleUntil { get; } = EngineClock.AddSaturating(expires, stored.StaleIfError);

    public bool Slides => Stored.SlidingWindow > 0;

    /// <summary>After a failed load: until when the value is served without another try. Zero if there was none.</summary>
    public long RetryAt => Volatile.Read(ref _retryAt);

    /// <summary>Whether the others leave the entry to one who refreshes it.</summary>
    public bool IsRefreshing(long now)
    {
        lock (_lock)
        {
            return now < _refreshUntil;
        }
    }

    /// <summary>Until when a new copy that is fresh until <paramref name="freshUntil"/> is served by a plain look.</summary>
    public long ServeUntil(long freshUntil, long now)
    {
        lock (_lock)
        {
            return ServeUntilLocked(freshUntil, now);
        }
    }

    /// <summary>The entry was verified: notes that, and until when a plain look serves it.</summary>
    public void Verified(MemoryEntry entry, long generation, long now, long verifyBy)
    {
        lock (_lock)
        {
            entry.Verified(generation, now, Math.Min(ServeUntilLocked(entry.FreshUntil, now), verifyBy));
        }
    }

    /// <summary>Whether an entry that slides has been read lately enough.</summary>
    public bool IsAwake(long now) => !Slides || now < Volatile.Read(ref _readAt) + Stored.SlidingWindow;

    /// <summary>Whether the value may stand in for one that cannot be loaded, as far as time goes. One that slides expires when it falls asleep.</summary>
    public bool MayStandIn(long now) =>
        Stored.StaleIfError > 0 && now < StaleUntil && (!Slides || now < EngineClock.AddSaturating(Volatile.Read(ref _readAt) + Stored.SlidingWindow, Stored.StaleIfError));

    /// <summary>What a read is to do that comes after <see cref="MemoryEntry.ServeUntil"/>; the entry is known to be valid otherwise.</summary>
    /// <param name="entry">The entry, whose <see cref="MemoryEntry.ServeUntil"/> is moved on.</param>
    /// <param name="now">The present.</param>
    /// <param name="refreshUntil">If the caller has a factory to refresh with, how long the others leave it to that one; otherwise zero.</param>
    /// <param name="verifyBy">Until when it may be served without being compared with the second level.</param>
    public LateRead Read(MemoryEntry entry, long now, long refreshUntil, long verifyBy)
    {
        var freshUntil = entry.FreshUntil;
        lock (_lock)
        {
            if (!IsAwake(now))
            {
                return LateRead.None;
            }

            var result = LateRead.None;
            if (now < freshUntil)
            {
                result = LateRead.Serve;
                if (now >= refreshAt && now >= _retryAt && now >= _refreshUntil && refreshUntil > now)
                {
                    _refreshUntil = refreshUntil;
                    result = LateRead.Refresh;
                }
            }
            else if (now >= Expires && now < RevalidateUntil && freshUntil >= Expires)
            {
                // A copy that ended before its value did is not what the others may have by now.
                result = LateRead.Serve;
                if (now >= _retryAt && now >= _refreshUntil && refreshUntil > now)
                {
                    _refreshUntil = refreshUntil;
                    result = LateRead.Refresh;
                }
            }
            else if (now < _retryAt && MayStandIn(now))
            {
                result = LateRead.Serve;
            }

            if (result != LateRead.None)
            {
                Volatile.Write(ref _readAt, now);
                if (Slides && now >= _touchAt && now < Expires && result == LateRead.Serve)
                {
                    // Each eighth of the window: the second level keeps the entry for that much longer.
                    _touchAt = now + (Stored.SlidingWindow / 8);
                    result = LateRead.Touch;
                }

                entry.Serve(Math.Min(ServeUntilLocked(freshUntil, now), verifyBy));
            }

            return result;
        }
    }

    /// <summary>The first read, which is the store.</summary>
    public void Begin(long now)
    {
        Volatile.Write(ref _readAt, now);
        _touchAt = now + (Stored.SlidingWindow / 8);
    }

    /// <summary>A refresh has ended without replacing the entry, or a load has failed and the value stands in: not tried again before <paramref name="retryAt"/>.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="now">The present.</param>
    /// <param name="retryAt">When it may be tried again.</param>
    /// <param name="endsRefresh">Whether the claim of <see cref="LateRead.Refresh"/> is given back.</param>
    /// <param name="verifyBy">Until when it may be served without being compared with the second level.</param>
    public void Hold(MemoryEntry entry, long now, long retryAt, bool endsRefresh, long verifyBy)
    {
        lock (_lock)
        {
            if (retryAt > _retryAt)
            {
                Volatile.Write(ref _retryAt, retryAt);
            }

            if (endsRefresh)
            {
                _refreshUntil = 0;
            }

            entry.Serve(Math.Min(ServeUntilLocked(entry.FreshUntil, now), verifyBy));
        }
    }

    private long ServeUntilLocked(long freshUntil, long now)
    {
        if (Slides)
        {
            // Every read is to be noted.
            return 0;
        }

        // While a refresh is under way, or none is to be tried, hits are plain hits to the end of what may be served.
        var end = freshUntil < Expires ? freshUntil : Math.Max(RevalidateUntil, freshUntil);
        if (now < _refreshUntil)
        {
            return Math.Min(end, _refreshUntil);
        }

        if (now < _retryAt)
        {
            return Math.Min(_retryAt, Math.Max(end, now >= freshUntil && MayStandIn(now) ? StaleUntil : 0));
        }

        return now < refreshAt ? Math.Min(refreshAt, freshUntil) : now < freshUntil ? now : 0;
    }
}

/// <summary>What a read finds to do with an entry whose plain time is over.</summary>
internal enum LateRead
{
    /// <summary>It is not to be served without a closer look.</summary>
    None,

    /// <summary>It is served.</summary>
    Serve,

    /// <summary>It is served, and the second level is told that it was read.</summary>
    Touch,

    /// <summary>It is served, and the caller starts a load in the background.</summary>
    Refresh,
}
