using Larder.Diagnostics;
using Larder.Tags;

namespace Larder.Engine;

/// <remarks>
/// <para><b>Tags of a value that is refreshed</b> (<see cref="Load{T}.Watched"/>) are treated like those the factory adds, but are not stored: if one of them
/// is invalidated while the load runs, what it read may be what was invalidated, whether or not the new value is to have the tag.</para>
/// <para><b>Tags that a factory adds.</b> An entry may only be stored with the stamps its tags had before its load, and a tag that the
/// factory names is not known before. Two facts stand in for it:</para>
/// <para>On this node, an invalidation of any tag of the scope is remembered for a while (see <see cref="GroupTable"/>), and a tag
/// whose invalidation may have been forgotten counts as invalidated late. So a late tag whose generation is not later than the
/// load was not invalidated here, nor by a message, since the load began.</para>
/// <para>At the second level, each scope has one more stamp, its <i>activity</i>: whoever invalidates a tag writes the scope's activity
/// first and the tag's stamp after it. A load notes the activity before its factory runs. Afterwards it reads the late tag's
/// stamp, and then the activity again. If the activity is unchanged, every invalidation whose stamp the load has read wrote the activity
/// before the load began: its caller had changed the source before that, so the load has seen the change, and the stamp is
/// the right one. An invalidation whose stamp it has not read makes the entry invalid as always. If the activity has changed the value
/// is returned and not stored; the next load stores it.</para>
/// </remarks>
internal sealed partial class CacheEngine
{
    /// <summary>What the factory and the rules say about the loaded value.</summary>
    private void Decide<T>(Load<T> load, CacheEntryContext? context, T value)
    {
        var asked = load.Policy.Retention;
        load.Flight.Kind = CacheResultKind.Found;
        if (context is not null)
        {
            load.Policy = load.Policy.Decided(context);
            load.IsNotStored = context.IsNotStored;
            load.ETag = context.ETag ?? (context.IsNotModified ? context.StaleETag : null);
            load.Indexes = context.AddedIndexes ?? (context.IsNotModified ? context.Stale?.Indexes : null);
            IEnumerable<string> added = context.AddedTags ?? [];
            if (context is { IsNotModified: true, Stale.Tags: { } kept })
            {
                added = added.Concat(kept.Select(group => group.Tag!));
            }

            load.LateTags = TagNames.Normalize(added.Where(tag => load.TagNames is null || !load.TagNames.Contains(tag)));
        }

        if (context is { IsNotFound: true } || (value is null && load.Policy.Rules.NullIsNotFound))
        {
            load.Flight.Kind = CacheResultKind.NotFound;
            load.Indexes = null;
            load.Policy = load.Policy.Negative(context?.NotFoundExpiration);
        }
        else if (!load.IsNotStored && load.Policy.Rules.Validate is { } validate && !validate(value))
        {
            load.IsNotStored = true;
            _metrics.Unstored.Add(1, LarderMetrics.Tag(AttributeNames.Reason, "not_valid"));
        }

        if (load.Policy.Expiration <= TimeSpan.Zero)
        {
            load.IsNotStored = true;
        }

        load.Policy = load.Policy.Jittered(_random);
        load.NeedsLongerStamps = load.Policy.Retention > asked;
    }

    /// <summary>The expiration with the scope's jitter, for who must know it and asks the engine for none.</summary>
    public TimeSpan Jittered(ScopeState scope, TimeSpan expiration) =>
        (new EntryPolicy(scope.Defaults, new CacheEntryPolicy { Expiration = expiration }) { Rules = scope.Defaults.Rules }).Jittered(_random).Expiration;

    /// <summary>Adds the factory's tags to the entry, if none of them was invalidated on this node since the load began.</summary>
    private bool TryAddLateTags<T>(Load<T> load, long generation)
    {
        if (load.LateTags is null && load.Watched is null)
        {
            return true;
        }

        var late = load.LateTags ?? [];
        var groups = Array.ConvertAll(late, load.Flight.Key.Scope.Tag);
        Group[] depended = [.. groups, .. load.Watched ?? []];

        // Before the check: who joined after one of them was invalidated must find that out, whether or not the value is stored.
        load.Flight.FoundTags = depended;
        if (Array.Exists(depended, group => group.Generation > generation))
        {
            _metrics.Unstored.Add(1, LarderMetrics.Tag(AttributeNames.Reason, "tag_invalidated_meanwhile"));
            return false;
        }

        load.Groups = [.. load.Groups ?? [], .. groups];
        load.TagNames = [.. load.TagNames ?? [], .. late];
        return true;
    }

    /// <summary>The same with the stamps of the tags, if none was invalidated on any node since <paramref name="activity"/> was noted; otherwise null.</summary>
    private async ValueTask<EntryOrigin?> CaptureLateTagsAsync<T>(Load<T> load, EntryOrigin origin, long activity)
    {
        var late = (load.Groups ?? []).AsMemory()[^(load.LateTags?.Length ?? 0)..];
        var stamps = new long[late.Length];
        for (var i = 0; i < stamps.Length; i++)
        {
            stamps[i] = await _stamps!.GetAsync(late.Span[i], load.Policy.Retention).ConfigureAwait(false);
        }

        var now = await _second!.GetStampAsync(load.Flight.Key.Scope.TagActivity.Id, StampReader.DefaultLife).ConfigureAwait(false);
        if (Array.IndexOf(stamps, 0) >= 0 || !now.Succeeded || activity == 0 || now.Value != activity)
        {
            _metrics.Unstored.Add(1, LarderMetrics.Tag(AttributeNames.Reason, "tag_invalidated_meanwhile"));
            return null;
        }

        return origin with { TagStamps = [.. origin.TagStamps ?? [], .. stamps] };
    }
}
