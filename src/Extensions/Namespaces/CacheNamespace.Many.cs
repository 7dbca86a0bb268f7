using Larder.Engine;

namespace Larder;

public sealed partial class CacheNamespace
{
    /// <summary>The values of several keys; those that have none are not in the result. Never runs a factory.</summary>
    /// <remarks>What is not in this node's memory is read from the server in one round trip; on a cluster in one command per slot, all sent together.</remarks>
    /// <typeparam name="T">The type of the values.</typeparam>
    /// <param name="keys">The keys. One that is given twice counts once.</param>
    /// <param name="cancellationToken">Checked before the call begins and between each thousand keys.</param>
    /// <exception cref="ArgumentException">A key is null.</exception>
    public async ValueTask<IReadOnlyDictionary<string, T?>> GetManyAsync<T>(IEnumerable<string> keys, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var results = await _engine.TryGetManyAsync<T>(State, keys, cancellationToken).ConfigureAwait(false);
        return results.Where(static result => result.Value.IsFound).ToDictionary(static result => result.Key, static result => result.Value.Value, StringComparer.Ordinal);
    }

    /// <summary>Stores several values, all with the same sets, tags and expiration. Each is stored as by <c>SetAsync</c>; they are sent to the server together.</summary>
    /// <typeparam name="T">The type of the values.</typeparam>
    /// <param name="entries">Keys and values. Of a key that is given twice either value may stay.</param>
    /// <param name="configure">Their sets, tags and expiration. Default: none, and the namespace's expiration.</param>
    /// <param name="cancellationToken">Checked before the call begins and between each thousand entries; what was stored before stays stored.</param>
    /// <exception cref="ArgumentException">A key is null, or a tag or index is not valid.</exception>
    public async ValueTask SetManyAsync<T>(IEnumerable<KeyValuePair<string, T>> entries, Action<CacheEntryBuilder>? configure = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(entries);
        var (state, entry) = (State, CacheEntryBuilder.Build(configure));
        var (options, indexes) = (entry?.Options, entry?.Indexes);
        await CacheEngine.ForManyAsync(
            entries,
            async pair =>
            {
                await _engine.SetAsync(state, pair.Key, pair.Value, options, entry?.Tags, indexes, cancellationToken).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Removes several keys at all levels and on all nodes. They are sent to the server together.</summary>
    /// <param name="keys">The keys.</param>
    /// <param name="cancellationToken">Checked before the call begins and between each thousand keys; what was removed before stays removed.</param>
    /// <returns>How many entries were removed, each counted as <see cref="RemoveAsync"/> says it.</returns>
    /// <exception cref="ArgumentException">A key is null.</exception>
    public ValueTask<int> RemoveManyAsync(IEnumerable<string> keys, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var state = State;
        return CacheEngine.ForManyAsync(keys, key => _engine.TakeAsync(state, key, cancellationToken), cancellationToken);
    }

    /// <summary>Gets several values; all that are missing are loaded by one call of <paramref name="load"/>.</summary>
    /// <remarks>
    /// <para>Each key is loaded and stored as <c>GetOrCreateAsync</c> would do it: one load per key over all nodes, and a key that is removed or invalidated while
    /// <paramref name="load"/> runs is given to the caller and not stored. A key that someone else is loading at the moment is waited for; should that come to nothing,
    /// <paramref name="load"/> is called for it alone. So is one whose value is refreshed in the background.</para>
    /// <para>A missing key costs two steps at the server besides the read, all keys' together.</para>
    /// </remarks>
    /// <typeparam name="T">The type of the values.</typeparam>
    /// <param name="keys">The keys. One that is given twice counts once.</param>
    /// <param name="load">
    /// Loads the keys it is given, at most a thousand in one call. A key that it does not return is not in the result; that is remembered as "not found"
    /// unless <see cref="NamespaceOptions.NullIsNotFound"/> is off; then it is asked for again the next time.
    /// </param>
    /// <param name="policy">What this call wants. Default: what the namespace says.</param>
    /// <param name="tags">The tags of the entries that are loaded.</param>
    /// <param name="cancellationToken">Ends the caller's wait; the function's token is cancelled when all who wait for one of its keys have left.</param>
    /// <exception cref="ArgumentException">A key is null, or a tag is not valid.</exception>
    public async ValueTask<IReadOnlyDictionary<string, T>> GetOrCreateManyAsync<T>(
        IEnumerable<string> keys,
        Func<IReadOnlyCollection<string>, CancellationToken, ValueTask<IReadOnlyDictionary<string, T>>> load,
        CacheEntryPolicy? policy = null,
        IEnumerable<string>? tags = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(load);
        return await _engine.GetOrCreateManyAsync(State, keys, load, policy, tags, cancellationToken).ConfigureAwait(false);
    }
}
