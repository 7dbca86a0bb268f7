namespace Larder;

/// <summary>What a caller gets when an invalidation could not be told to the second level.</summary>
public enum InvalidationFailure
{
    /// <summary>
    /// The call completes. The invalidation holds on this node at once, is kept, and reaches the server and the other
    /// nodes as soon as the server is back.
    /// </summary>
    CompleteAndRecover,

    /// <summary>The call throws. The invalidation holds on this node at once and is kept and replayed all the same.</summary>
    Throw,
}
