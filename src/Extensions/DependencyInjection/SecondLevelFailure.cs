namespace Larder;

/// <summary>
/// What becomes of an operation when the second level, or what carries messages to the other nodes, does not answer. Which of
/// these an operation may have is said at <see cref="LarderOptions.OnReadFailure"/>, <see cref="LarderOptions.OnWriteFailure"/> and
/// <see cref="LarderOptions.OnInvalidationFailure"/>.
/// </summary>
public enum SecondLevelFailure
{
    /// <summary>The call goes on without an answer. For reads.</summary>
    Tolerate,

    /// <summary>The call goes on, and what the server and the other nodes missed is made up for when they are back. For writes and invalidations.</summary>
    Queue,

    /// <summary>The caller gets a <see cref="SecondLevelException"/>. A write or an invalidation is made up for all the same.</summary>
    Throw,
}
