using System.Diagnostics;
using Larder.Backplane;
using Larder.Diagnostics;

namespace Larder.Engine;

/// <remarks>What is shown in traces besides loads. <see cref="LarderActivities"/> has what each span is.</remarks>
internal sealed partial class CacheEngine
{
    /// <summary>This node is asked for an invalidation.</summary>
    private Activity? BeginInvalidation(in BackplaneMessage message)
    {
        CountInvalidation(message, isRemote: false);
        return LarderActivities.IsFollowed ? LarderActivities.StartInvalidation(KindOf(message), _groups.FindScope(message.Scope)) : null;
    }

    /// <summary>As <see cref="JoinAsync"/>, where somebody follows what the caller waits for.</summary>
    private async ValueTask<T> JoinFollowedAsync<TLoader, T>(Flight<T> flight, TLoader loader, EntryPolicy policy, IEnumerable<string>? tags, CancellationToken cancellationToken)
        where TLoader : struct, ILoader<T>
    {
        using var activity = LarderActivities.StartWait(flight.Key.Scope);
        try
        {
            return await JoinAsync(flight, loader, policy, tags, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (activity.Fails(exception))
        {
            throw;
        }
        finally
        {
            activity.RefersToLoadOf(flight);
        }
    }
}
