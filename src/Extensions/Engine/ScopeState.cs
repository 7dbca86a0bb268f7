using Larder.Diagnostics;
using Larder.Scopes;
using Larder.Tags;

namespace Larder.Engine;

/// <summary>
/// What the engine knows of one scope on this node: the text its keys begin with, its defaults, and the four groups
/// (everything, tenant, project, namespace) folded into one generation and one stamp.
/// </summary>
internal sealed class ScopeState
{
    private readonly Lock _lock = new();
    private WeakTable<Group>? _tags;
    private ScopeCounters? _counters;
    private ScopeLabels? _labels;
    private readonly ScopeState? _owner;
    private ScopeState? _pages;
    private long _generation;

    public ScopeState(CacheEngine engine, CacheScope scope, string id, Group[] levels, EntryDefaults defaults)
    {
        Engine = engine;
        Scope = scope;
        Id = id;
        Levels = levels;
        Defaults = defaults;
        KeyPrefix = $"{engine.ApplicationPrefix}{id}:";
        TagActivity = new Group($"g:{id}:");
        HashSeed = KeyHash.Compute(id, 0);
        _generation = levels.Max(level => level.Generation);
    }

    private ScopeState(ScopeState owner, string id)
    {
        _owner = owner;
        Engine = owner.Engine;
        Scope = owner.Scope;
        Id = id;
        Levels = owner.Levels;
        Defaults = owner.Defaults;
        KeyPrefix = $"{owner.KeyPrefix}{ScopedKey.PageSpace}:";
        TagActivity = owner.TagActivity;
        HashSeed = KeyHash.Compute(id, 0);
        _generation = Levels.Max(level => level.Generation);
    }

    /// <summary>
    /// Where the output cache keeps the scope's pages: no key and no index set in common with the scope's data, whatever text a key is, and
    /// all tags, clears and defaults.
    /// </summary>
    public ScopeState Pages => _pages ??= Engine.Groups.Add($"{Id}:{ScopedKey.PageSpace}", this, static (id, owner) => new ScopeState(owner, id));

    /// <summary>Whether this is where a scope's pages are.</summary>
    public bool IsPages => _owner is not null;

    public CacheEngine Engine { get; }

    public CacheScope Scope { get; }

    /// <summary>The scope's text without the application's prefix: what messages between nodes name it by.</summary>
    public string Id { get; }

    public string KeyPrefix { get; }

    public ulong HashSeed { get; }

    public EntryDefaults Defaults { get; }

    /// <summary>Everything, tenant, project, namespace.</summary>
    public Group[] Levels { get; }

    public Group Namespace => Levels[3];

    /// <summary>Where the scope counts; null where statistics are off.</summary>
    public ScopeCounters? Counters => _owner is not null ? _owner.Counters : _counters ?? (Engine.Statistics is { } statistics ? _counters = statistics.Attach(this) : null);

    /// <summary>What the scope is called in measurements. For who measures only: it takes a place among the names that are told apart.</summary>
    public ScopeLabels Labels => _owner is not null ? _owner.Labels : _labels ??= Engine.Labels.Get(Scope);

    /// <summary>Changes with every invalidation of a tag in the scope. Its id is that of a tag without text, which no tag is.</summary>
    public Group TagActivity { get; }

    /// <summary>The latest generation of the four levels. Read on every hit.</summary>
    public long Generation => Volatile.Read(ref _generation);

    /// <summary>The group of a tag in this scope. It is forgotten when no entry, flight or scope holds it any more.</summary>
    public Group Tag(string tag)
    {
        if (_owner is not null)
        {
            return _owner.Tag(tag);
        }

        var tags = _tags;
        if (tags is null)
        {
            lock (_lock)
            {
                tags = _tags ??= new WeakTable<Group>();
            }
        }

        return tags.GetOrAdd(tag, this, static (tag, scope) => new Group($"g:{scope.Id}:{ScopedKey.Key(tag)}", scope.Engine.Groups.ForgottenBefore) { Tag = tag });
    }

    /// <summary>The group of a tag if anything here depends on it.</summary>
    public Group? FindTag(string tag) => _tags?.Find(tag);

    public IEnumerable<Group> Tags() => _tags?.Values() ?? [];

    public string PhysicalKey(ReadOnlySpan<char> key) => KeyPrefix + ScopedKey.Key(key);

    /// <summary>Called after a level's generation was raised.</summary>
    public void Raise(long generation)
    {
        lock (_lock)
        {
            if (generation > _generation)
            {
                Volatile.Write(ref _generation, generation);
            }
        }
    }

    /// <summary>
    /// The four stamps as one number. Two different sets of random stamps give the same number with a probability of
    /// 2^-64; zero is kept for "unknown".
    /// </summary>
    public static long Fold(ReadOnlySpan<long> stamps)
    {
        var folded = 0x9E3779B97F4A7C15UL;
        foreach (var stamp in stamps)
        {
            var high = Math.BigMul(folded ^ (ulong)stamp, 0xD6E8FEB86659FD93UL, out var low);
            folded = high ^ low ^ ulong.RotateLeft((ulong)stamp, 23);
        }

        return folded == 0 ? 1 : (long)folded;
    }
}
