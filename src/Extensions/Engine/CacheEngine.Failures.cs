using Larder.Tags;

namespace Larder.Engine;

/// <remarks>What callers are told of failures, if they ask for it, each in the words of the operation they called.</remarks>
internal sealed partial class CacheEngine
{
    private const string ServerNotTold =
        "The invalidation holds on this node at once, but the second level could not be told. It is kept, and reaches the server and the other nodes when the server is back.";

    private const string NodesNotTold =
        "The change holds on this node and at the second level, but the other nodes could not be told. That is kept, and they are told when messages can be sent again.";

    private const string ValueNotWritten =
        "The value could not be written to the second level. What this node keeps of it in memory holds; when the server is back the key is removed there and the other nodes are told.";

    private const string ValueNotStamped =
        "The value could not be written to the second level, because it could not be read what its tags and scope are marked with. The key was removed there; what this node keeps of the value in memory holds.";

    private const string NotRead =
        "The second level could not be read, and memory has nothing that may be served. No factory was run and nothing was changed; the next call tries again.";

    private FailurePolicy ReadPolicy => new(_options.OnReadFailure, nameof(LarderOptions.OnReadFailure));

    private FailurePolicy WritePolicy => new(_options.OnWriteFailure, nameof(LarderOptions.OnWriteFailure));

    private FailurePolicy InvalidationPolicy => new(_options.OnInvalidationFailure, nameof(LarderOptions.OnInvalidationFailure));

    /// <summary>For a load that has not begun: it needs the second level, and that was not read.</summary>
    private void ThrowIfUnread(bool unread, EntryPolicy policy)
    {
        if (unread && ReadsShared(policy))
        {
            ReadPolicy.ThrowIfAsked(NotRead, _second!.LastFailure);
        }
    }

    /// <summary>Whether stamps are unknown because an invalidation waits, rather than because they could not be read.</summary>
    private static bool IsPending(ScopeState scope, Group[]? groups) =>
        Array.Exists(scope.Levels, static level => level.IsPending) || (groups is not null && Array.Exists(groups, static group => group.IsPending));
}
