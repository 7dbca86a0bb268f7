namespace Larder;

public sealed partial class CacheNamespace
{
    /// <summary>Whether there is a value. Costs less than reading it: what is not in this node's memory is asked for its first bytes only.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Checked before the call begins.</param>
    /// <returns>False also if there is only the knowledge that nothing was found, or if the server did not answer.</returns>
    public ValueTask<bool> ExistsAsync(string key, CancellationToken cancellationToken = default) => _engine.ExistsAsync(State, key, cancellationToken);

    /// <summary>What is known of an entry besides its value; null if there is none.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Checked before the call begins.</param>
    public ValueTask<CacheEntryInfo?> GetEntryAsync(string key, CancellationToken cancellationToken = default) => _engine.LookAsync(State, key, cancellationToken);

    /// <summary>How long an entry still lives; <see cref="TimeSpan.MaxValue"/> if it has no end, null if there is none.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Checked before the call begins.</param>
    public async ValueTask<TimeSpan?> GetTimeToLiveAsync(string key, CancellationToken cancellationToken = default)
    {
        if (await GetEntryAsync(key, cancellationToken).ConfigureAwait(false) is not { } entry)
        {
            return null;
        }

        var left = entry.Expires - _engine.Clock.Provider.GetUtcNow();
        return entry.Expires == DateTimeOffset.MaxValue ? TimeSpan.MaxValue
            : left > TimeSpan.Zero ? left
            : null;
    }
}
