namespace Larder;

/// <summary>An entry has expired at the server.</summary>
/// <param name="Scope">Its scope. A part of more than 128 characters is its hash.</param>
/// <param name="Key">Its key, or the hash of one that is too long for the server.</param>
public readonly record struct CacheExpiration(CacheScope Scope, string Key);

/// <summary>A subscription to what expires at the server; disposing of it ends it.</summary>
public sealed class CacheExpirationSubscription : IAsyncDisposable
{
    private readonly Func<ValueTask> _end;
    private readonly Func<long> _dropped;

    internal CacheExpirationSubscription(bool isConfirmed, Func<long> dropped, Func<ValueTask> end)
    {
        IsConfirmed = isConfirmed;
        _dropped = dropped;
        _end = end;
    }

    /// <summary>
    /// Whether each master has said that it tells of expirations. False if one does not let itself be asked (<c>CONFIG GET</c> is refused to this user): then nothing comes
    /// if it is off there. That is logged, too.
    /// </summary>
    public bool IsConfirmed { get; }

    /// <summary>How many expirations were not told because the handler was too slow.</summary>
    public long Dropped => _dropped();

    /// <inheritdoc />
    public ValueTask DisposeAsync() => _end();
}
