using Larder.Engine;
using Larder.Scopes;

namespace Larder.Tags;

/// <summary>The scopes and groups that something on this node depends on, and the counter that orders invalidations.</summary>
/// <remarks>
/// <para>Why the counter is enough to fence loads: a load reads the counter before it starts, and an invalidation raises its
/// group to a new count when it starts and again when the second level has been told. A load that began before the
/// invalidation completed therefore noted a smaller count than its group has afterwards, whatever the interleaving. A load
/// that began later read its source, and the second level, after the change.</para>
/// <para>A count is published only when everything it stands for has been raised and has forgotten its stamp. Were it visible
/// earlier, a load could note it together with a stamp from before, and would pass for later than the invalidation. Who
/// reads the old count while groups are being raised is merely put in doubt for nothing.</para>
/// <para>Scopes and groups are held weakly: what no entry, flight or caller refers to is forgotten. Nothing that could be
/// served depends on a forgotten group, and one that is made anew knows no stamp.</para>
/// </remarks>
internal sealed class GroupTable(CacheEngine engine, Func<string?, EntryDefaults> defaults)
{
    private const int RememberedTags = 8_192;

    private readonly WeakTable<ScopeState> _scopes = new();
    private readonly WeakTable<Group> _levels = new();
    private readonly Group _everything = new("s:*");
    private readonly Queue<Group> _recent = new();
    private readonly Lock _raising = new();
    private long _forgottenBefore;
    private long _counter = 1;

    /// <summary>The count of the latest invalidation.</summary>
    public long Counter => Volatile.Read(ref _counter);

    /// <summary>
    /// Invalidations of tags up to this count may have been forgotten: the generation of a tag that nothing is known of.
    /// </summary>
    public long ForgottenBefore => Volatile.Read(ref _forgottenBefore);

    public int ScopeCount => _scopes.Count;

    public ScopeState Scope(CacheScope scope)
    {
        var state = scope.State;
        return state is not null && ReferenceEquals(state.Engine, engine) ? state : FindOrAdd(scope);
    }

    /// <summary>The scope of that text, if anything here depends on it.</summary>
    public ScopeState? FindScope(string id) => _scopes.Find(id);

    /// <summary>The group of a level, by its id without the leading <c>s:</c>.</summary>
    public Group Level(string id) => id == "*" ? _everything : _levels.GetOrAdd(id, 0, static (id, _) => new Group("s:" + id));

    public Group? FindLevel(string id) => id == "*" ? _everything : _levels.Find(id);

    /// <summary>Puts everything that depends on the group in doubt: its entries are compared with the current stamp before they are served.</summary>
    public void Invalidate(Group group)
    {
        lock (_raising)
        {
            var generation = _counter + 1;
            group.Invalidate(generation);
            if (group.Id.StartsWith("s:", StringComparison.Ordinal))
            {
                foreach (var scope in _scopes.Values())
                {
                    if (Array.IndexOf(scope.Levels, group) >= 0)
                    {
                        scope.Raise(generation);
                    }
                }
            }
            else
            {
                Remember(group);
            }

            Volatile.Write(ref _counter, generation);
        }
    }

    /// <summary>
    /// Puts everything in doubt and forgets all stamps: messages may have been missed. Tells <paramref name="announce"/> the new
    /// count before anyone can see it, and returns it.
    /// </summary>
    public long DoubtEverything(Action<long>? announce = null)
    {
        lock (_raising)
        {
            var generation = _counter + 1;
            announce?.Invoke(generation);
            _everything.Doubt(generation);
            foreach (var level in _levels.Values())
            {
                level.Doubt(generation);
            }

            foreach (var scope in _scopes.Values())
            {
                scope.TagActivity.Doubt(generation);
                foreach (var tag in scope.Tags())
                {
                    tag.Doubt(generation);
                }

                scope.Raise(generation);
            }

            Volatile.Write(ref _counter, generation);
            return generation;
        }
    }

    // Held for a while, so that a load under way that comes to name the tag finds out.
    private void Remember(Group tag)
    {
        _recent.Enqueue(tag);
        if (_recent.Count > RememberedTags)
        {
            Volatile.Write(ref _forgottenBefore, Math.Max(_forgottenBefore, _recent.Dequeue().Generation));
        }
    }

    /// <summary>The state with that id; made if there is none.</summary>
    public ScopeState Add<TMade>(string id, TMade made, Func<string, TMade, ScopeState> make)
    {
        var state = _scopes.GetOrAdd(id, made, make);

        // A level that was invalidated after the state was made, and before it stood in the table, was not raised here.
        state.Raise(state.Levels.Max(level => level.Generation));
        return state;
    }

    private ScopeState FindOrAdd(CacheScope scope)
    {
        var state = Add(ScopedKey.ScopeId(scope), (Table: this, Engine: engine, Scope: scope), static (id, made) =>
        {
            Group[] levels =
            [
                made.Table._everything,
                made.Table.Level(ScopedKey.TenantId(made.Scope)),
                made.Table.Level(ScopedKey.ProjectId(made.Scope)),
                made.Table.Level(id),
            ];
            return new ScopeState(made.Engine, made.Scope, id, levels, made.Table.Defaults(made.Scope.Namespace));
        });
        scope.State = state;
        return state;
    }

    private EntryDefaults Defaults(string? name) => defaults(name);
}
