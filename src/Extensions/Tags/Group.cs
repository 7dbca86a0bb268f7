namespace Larder.Tags;

/// <summary>
/// What this node knows of one invalidation group: a tag in a scope, a namespace, a project, a tenant, or everything.
/// </summary>
/// <remarks>
/// <para><b>Generation</b> orders invalidations within the process: a number from one counter of the engine, raised whenever
/// the group is invalidated here, another node says it was, or what is known of it can no longer be trusted. A memory
/// entry notes the counter before its value is loaded and is current while no group of it has a later generation. That is
/// one comparison per group and needs no server.</para>
/// <para><b>Stamp</b> is the random number that the second level holds for the group, and zero while this node does not know
/// it. Raising the generation forgets the stamp. An entry whose group has a later generation is not necessarily
/// invalid: its own stamps, noted before its load, are then compared with the current ones.</para>
/// </remarks>
internal sealed class Group(string id, long generation = 0)
{
    private readonly Lock _lock = new();
    private long _generation = generation;
    private long _invalidatedAt;
    private long _stamp;
    private long _stampLivesUntil;
    private long _stampReadAt;
    private long _questionedAt;
    private int _pending;

    /// <summary>The name under which the second level keeps the stamp; unique within the application's prefix.</summary>
    public string Id { get; } = id;

    /// <summary>The tag as callers give it; <see langword="null"/> for a level.</summary>
    public string? Tag { get; init; }

    /// <summary>The latest moment of doubt about the group. Read on every hit.</summary>
    public long Generation => Volatile.Read(ref _generation);

    /// <summary>The generation of the latest invalidation, as opposed to a doubt.</summary>
    public long InvalidatedAt => Volatile.Read(ref _invalidatedAt);

    /// <summary>The group was invalidated: raises the generation and forgets the stamp.</summary>
    public void Invalidate(long generation)
    {
        lock (_lock)
        {
            Volatile.Write(ref _invalidatedAt, Math.Max(generation, _invalidatedAt));
            Doubt(generation);
        }
    }

    /// <summary>The group may have been invalidated: raises the generation and forgets the stamp.</summary>
    public void Doubt(long generation)
    {
        lock (_lock)
        {
            if (generation > _generation)
            {
                Volatile.Write(ref _generation, generation);
            }

            _stamp = 0;
        }
    }

    /// <summary>
    /// An invalidation of the group has not reached the second level yet. Until it has, the stamp there is known to be
    /// obsolete, so it must neither validate what is read from there nor mark what is written.
    /// </summary>
    public void BeginPending() => Interlocked.Increment(ref _pending);

    public void EndPending() => Interlocked.Decrement(ref _pending);

    public bool IsPending => Volatile.Read(ref _pending) != 0;

    /// <summary>The stamp if it is known, was read after <paramref name="readAfter"/> and the server keeps it at least until <paramref name="livesUntil"/>.</summary>
    public bool TryGetStamp(long readAfter, long livesUntil, out long stamp)
    {
        lock (_lock)
        {
            stamp = _stamp;
            return stamp != 0 && _pending == 0 && _stampReadAt >= readAfter && _stampLivesUntil >= livesUntil;
        }
    }

    /// <summary>
    /// The stamp this node believes in, if it was read more than a second ago: one that an entry contradicts should be read
    /// again, but not with every such entry.
    /// </summary>
    public bool TryQuestion(long now, out long believed)
    {
        lock (_lock)
        {
            believed = _stamp;
            if (_stamp == 0 || _pending != 0 || now - Math.Max(_stampReadAt, _questionedAt) < 1_000)
            {
                return false;
            }

            _questionedAt = now;
            return true;
        }
    }

    /// <summary>
    /// Notes a stamp that was read while the generation was <paramref name="generation"/>. If the group was invalidated in
    /// between, what was read may be older than that, and is not noted.
    /// </summary>
    public void Learn(long stamp, long generation, long readAt, long livesUntil)
    {
        lock (_lock)
        {
            if (_generation == generation)
            {
                _stamp = stamp;
                _stampReadAt = readAt;
                _stampLivesUntil = livesUntil;
            }
        }
    }
}
