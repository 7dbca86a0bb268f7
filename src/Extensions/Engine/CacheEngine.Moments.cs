using Larder.Tags;

namespace Larder.Engine;

internal sealed partial class CacheEngine
{
    /// <summary>This moment as far as this node knows it, without asking anybody.</summary>
    public Moment Begin() => new(_groups.Counter);

    /// <summary>The same with what the second level says, for what is to be stored there. Asks it only for what this node does not know.</summary>
    public async ValueTask<Moment> NoteAsync(ScopeState scope, Moment moment)
    {
        if (_second is null || _second.IsOpen || MustReapply)
        {
            return moment;
        }

        var scopeStamp = await _stamps!.GetAsync(scope, TimeSpan.Zero).ConfigureAwait(false);
        return moment with { ScopeStamp = scopeStamp, TagActivity = await _stamps.GetAsync(scope.TagActivity, TimeSpan.Zero).ConfigureAwait(false) };
    }

    /// <summary>
    /// The origin of a value that was computed since a moment: its stamps as they are now, if nothing was invalidated in between. Otherwise none, and the value is only as good as
    /// what this node has heard since.
    /// </summary>
    /// <remarks>
    /// The stamps are read before the activity is asked for at the server: an invalidation that comes before that question is noticed by it, and one that comes after has made
    /// the stamps another's.
    /// </remarks>
    private async ValueTask<EntryOrigin?> OriginSinceAsync(ScopeState scope, Group[]? groups, TimeSpan retention, Moment since)
    {
        if (since.ScopeStamp == 0 || since.TagActivity == 0 || await CaptureAsync(scope, groups, retention).ConfigureAwait(false) is not { } origin || origin.ScopeStamp != since.ScopeStamp)
        {
            return null;
        }

        if (groups is null)
        {
            return origin;
        }

        var now = await _second!.GetStampAsync(scope.TagActivity.Id, StampReader.DefaultLife).ConfigureAwait(false);
        return now.Succeeded && now.Value == since.TagActivity ? origin : null;
    }
}
