namespace Larder;

/// <summary>What follows a write through a <see cref="CacheResource{TId}"/>.</summary>
public sealed class ResourceWriteOptions
{
    /// <summary>
    /// Whether what is cached is invalidated after a write that has thrown or was cancelled. Default true: it may have been carried out all the same, as after a timeout.
    /// </summary>
    public bool InvalidatesAfterFailure { get; init; } = true;

    /// <summary>Further tags that the write invalidates, for example <see cref="CacheResource{TId}.TagOf"/> of other resources. Default none.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>
    /// Runs after the invalidation and is awaited: the application's own reads, with the parameters that will be asked for next, so that the next reader does not wait. If it fails
    /// that is logged and the write succeeds. Not called after a write that failed. Default none.
    /// </summary>
    public Func<CancellationToken, ValueTask>? Recache { get; init; }
}
