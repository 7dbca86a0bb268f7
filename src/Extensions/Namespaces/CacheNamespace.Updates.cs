namespace Larder;

public sealed partial class CacheNamespace
{
    /// <summary>
    /// Changes a value by what it is: reads it, has <paramref name="update"/> work out the new one, and stores that if nobody has changed the entry in between;
    /// otherwise it begins again. So no update is lost, however many there are at once.
    /// </summary>
    /// <remarks>
    /// <para>The entry keeps its tags, its sets and, unless told otherwise, its end. What was invalidated or removed does not come back. Loads that are under way do not
    /// replace the new value.</para>
    /// <para>Over a plain <c>IDistributedCache</c> or a wrapped <c>HybridCache</c> this holds among the callers of one process: such a store cannot compare, so processes
    /// that update one key at the same time may overwrite each other.</para>
    /// </remarks>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="update">Gives the new value. It may be called several times, and must neither block nor call the cache. It may change the value it is given, unless that is shared
    /// because its type is marked immutable.</param>
    /// <param name="expiration">How long the entry lives from now on. Default: its end stays where it is.</param>
    /// <param name="cancellationToken">Ends the waiting for other updates of the key.</param>
    /// <returns>The new value; or that there is none to update, or none of this type.</returns>
    /// <exception cref="SecondLevelException">The server did not answer. The message says what is known of the entry.</exception>
    /// <exception cref="InvalidOperationException">The new value is too large or cannot be serialized. The entry is as it was.</exception>
    /// <exception cref="TimeoutException">Other processes have changed the entry in between a thousand times. The entry was not updated.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="expiration"/> is zero or negative.</exception>
    public ValueTask<CacheResult<T>> UpdateAsync<T>(string key, Func<T, T> update, TimeSpan? expiration = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(update);
        return _engine.UpdateAsync(State, key, update, Check(expiration), cancellationToken);
    }

    /// <summary>
    /// Changes some fields of a value that System.Text.Json has written as an object, whatever its type: <c>UpdateAsync("action:7", new { status = "confirmed" })</c>.
    /// </summary>
    /// <remarks>
    /// As in a JSON Merge Patch (RFC 7386) an object is merged into the object it meets, null removes a field, and anything else, arrays too, takes the field's place. Names are
    /// compared ordinally, so they must be written as they were when the value was stored. Otherwise as
    /// <see cref="UpdateAsync{T}(string, Func{T, T}, TimeSpan?, CancellationToken)"/>.
    /// </remarks>
    /// <typeparam name="TChanges">The type of the changes.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="changes">An object with the fields to change: of any type that becomes a JSON object, a dictionary, or a <c>JsonObject</c>.</param>
    /// <param name="expiration">How long the entry lives from now on. Default: its end stays where it is.</param>
    /// <param name="cancellationToken">Ends the waiting for other updates of the key.</param>
    /// <returns>Whether there was a value to change.</returns>
    /// <exception cref="ArgumentException"><paramref name="changes"/> is not an object with fields, or names one twice.</exception>
    /// <exception cref="InvalidOperationException">The value is not a JSON object, names a field twice, or cannot be stored with these changes. The entry is as it was.</exception>
    /// <exception cref="SecondLevelException">The server did not answer. The message says what is known of the entry.</exception>
    /// <exception cref="TimeoutException">Other processes have changed the entry in between a thousand times. The entry was not updated.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="expiration"/> is zero or negative.</exception>
    public ValueTask<bool> UpdateAsync<TChanges>(string key, TChanges changes, TimeSpan? expiration = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(changes);
        return changes is Delegate
            ? throw new ArgumentException($"{typeof(TChanges)} does not give the type it takes. Give a function from a type to the same type, or an object with the fields to change.", nameof(changes))
            : _engine.MergeAsync(State, key, changes, Check(expiration), cancellationToken);
    }

    /// <summary>Gives an entry another life from now on. Its value, tags and sets stay.</summary>
    /// <param name="key">The key.</param>
    /// <param name="expiration">How long it lives from now; longer than zero.</param>
    /// <param name="cancellationToken">Ends the waiting for updates of the key.</param>
    /// <returns>Whether there was a value.</returns>
    /// <exception cref="SecondLevelException">The server did not answer. The message says what is known of the entry.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="expiration"/> is zero or negative.</exception>
    public ValueTask<bool> ExpireAsync(string key, TimeSpan expiration, CancellationToken cancellationToken = default) =>
        _engine.ExpireAsync(State, key, CacheEntryBuilder.CheckExpiration(expiration, nameof(expiration)), cancellationToken);

    /// <summary>Starts an entry's life anew: from now on it lives as long as the namespace says.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Ends the waiting for updates of the key.</param>
    /// <returns>Whether there was a value.</returns>
    /// <exception cref="SecondLevelException">The server did not answer. The message says what is known of the entry.</exception>
    public ValueTask<bool> TouchAsync(string key, CancellationToken cancellationToken = default)
    {
        var state = State;
        return state.Defaults.Expiration > TimeSpan.Zero ? _engine.ExpireAsync(state, key, state.Defaults.Expiration, cancellationToken) : new(false);
    }

    private static TimeSpan? Check(TimeSpan? expiration) => expiration is { } given ? CacheEntryBuilder.CheckExpiration(given, nameof(expiration)) : null;
}
