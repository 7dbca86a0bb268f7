using Larder.Engine;
using Larder.Hybrid;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder;

/// <summary>
/// A named area of the cache, as an application injects it for one purpose: confirmations, sessions, one service's results. Its entries are those that
/// <see cref="HybridCache"/> sees in the same namespace.
/// </summary>
/// <remarks>
/// <para>It follows the tenant and project of the running call as <see cref="HybridCache"/> does; the namespace is fixed. The namespace's own
/// <see cref="NamespaceOptions"/> are the defaults of every call. Safe for use by many callers at once.</para>
/// <para>When the server does not answer, reads and writes go on as those of <see cref="HybridCache"/> do. What promises to have compared what was there before
/// (an update, a change of an entry's end) throws a <see cref="SecondLevelException"/> instead.</para>
/// </remarks>
public sealed partial class CacheNamespace
{
    private readonly CacheEngine _engine;
    private readonly ICacheCounters _counters;
    private readonly CacheScope? _scope;
    private Followed? _last;

    internal CacheNamespace(CacheEngine engine, ICacheCounters counters, string name, CacheScope? scope)
    {
        _engine = engine;
        _counters = counters;
        Name = name;
        _scope = scope?.WithNamespace(name);
    }

    /// <summary>The namespace's name.</summary>
    public string Name { get; }

    /// <summary>The namespace as a <see cref="HybridCache"/>, for the tenant and project of the call that asks for it.</summary>
    public HybridCache Cache => new ScopedHybridCache(_engine, Scope);

    /// <summary>The namespace's counters, for the tenant and project of the call that asks for them.</summary>
    public ICacheCounters Counters => _counters.InScope(Scope);

    /// <summary>Whose entries a call of this moment sees.</summary>
    public CacheScope Scope
    {
        get
        {
            if (_scope is not null)
            {
                return _scope;
            }

            // Calls for one tenant follow upon each other, so the last answer serves most of them. Two callers at once may each work out their own.
            var ambient = CacheScope.Current;
            var last = Volatile.Read(ref _last);
            if (last is null || (!ReferenceEquals(last.Ambient, ambient) && !last.Ambient.Equals(ambient)))
            {
                last = new Followed(ambient, ambient.WithNamespace(Name));
                Volatile.Write(ref _last, last);
            }

            return last.Scope;
        }
    }

    private ScopeState State => _engine.Scope(Scope);

    /// <summary>The same namespace, for the tenant and project of <paramref name="scope"/> whatever the ambient ones are.</summary>
    /// <param name="scope">Whose entries; its own namespace is not looked at.</param>
    public CacheNamespace InScope(CacheScope scope)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return new CacheNamespace(_engine, _counters, Name, scope);
    }

    /// <summary>A value, or default if there is none. To tell null or zero from nothing see <see cref="TryGetAsync"/>.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Ends the caller's wait.</param>
    public async ValueTask<T?> GetAsync<T>(string key, CancellationToken cancellationToken = default) =>
        (await TryGetAsync<T>(key, cancellationToken).ConfigureAwait(false)).Value;

    /// <summary>A value, the knowledge that there is none, or nothing. Never runs a factory.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Ends the caller's wait.</param>
    public ValueTask<CacheResult<T>> TryGetAsync<T>(string key, CancellationToken cancellationToken = default) =>
        _engine.TryGetAsync<T>(State, key, cancellationToken);

    /// <summary>Raw bytes that <see cref="SetBytesAsync"/> stored, or null.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Ends the caller's wait.</param>
    public ValueTask<byte[]?> GetBytesAsync(string key, CancellationToken cancellationToken = default) => GetAsync<byte[]>(key, cancellationToken);

    /// <summary>Stores a value, in the place of what there was and of loads that are under way.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <param name="configure">Its sets, tags and expiration. Default: none, and the namespace's expiration.</param>
    /// <param name="cancellationToken">Checked before the call begins.</param>
    /// <exception cref="ArgumentException">A tag or index is not valid.</exception>
    public ValueTask SetAsync<T>(string key, T value, Action<CacheEntryBuilder>? configure = null, CancellationToken cancellationToken = default)
    {
        var entry = CacheEntryBuilder.Build(configure);
        return _engine.SetAsync(State, key, value, entry?.Options, entry?.Tags, entry?.Indexes, cancellationToken);
    }

    /// <summary>Stores a value for a time.</summary>
    /// <inheritdoc cref="SetAsync{T}(string, T, Action{CacheEntryBuilder}?, CancellationToken)"/>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <param name="expiration">How long it lives; longer than zero.</param>
    /// <param name="cancellationToken">Checked before the call begins.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="expiration"/> is zero or negative.</exception>
    public ValueTask SetAsync<T>(string key, T value, TimeSpan expiration, CancellationToken cancellationToken = default) =>
        _engine.SetAsync(
            State, key, value, new HybridCacheEntryOptions { Expiration = CacheEntryBuilder.CheckExpiration(expiration, nameof(expiration)) }, null, null, cancellationToken);

    /// <summary>Stores bytes as they are. Text is stored as UTF-8 by <c>SetAsync</c> and read by <c>GetAsync&lt;string&gt;</c>.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The bytes. They are copied.</param>
    /// <param name="configure">Sets, tags and expiration. Default: none, and the namespace's expiration.</param>
    /// <param name="cancellationToken">Checked before the call begins.</param>
    public ValueTask SetBytesAsync(string key, ReadOnlySpan<byte> value, Action<CacheEntryBuilder>? configure = null, CancellationToken cancellationToken = default) =>
        SetAsync(key, value.ToArray(), configure, cancellationToken);

    /// <summary>Gets a value, or loads it: one load per key, whoever asks.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="factory">Loads the value.</param>
    /// <param name="policy">What this call wants. Default: what the namespace says.</param>
    /// <param name="tags">The entry's tags.</param>
    /// <param name="cancellationToken">Ends the caller's wait; the factory's token is cancelled when all who wait have left.</param>
    public ValueTask<T> GetOrCreateAsync<T>(
        string key, Func<CancellationToken, ValueTask<T>> factory, CacheEntryPolicy? policy = null, IEnumerable<string>? tags = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(factory);
        return _engine.GetOrCreateAsync(State, key, factory, static (factory, _, token) => factory(token), policy, tags, cancellationToken);
    }

    /// <summary>The same with a factory that decides about its entry: how long it lives, its tags and sets, or that nothing was found.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="key">The key.</param>
    /// <param name="factory">Loads the value. Its context is of use only while it runs.</param>
    /// <param name="policy">What this call wants. Default: what the namespace says.</param>
    /// <param name="tags">Tags known before the load.</param>
    /// <param name="cancellationToken">Ends the caller's wait; the factory's token is cancelled when all who wait have left.</param>
    public ValueTask<T> GetOrCreateAsync<T>(
        string key, Func<CacheEntryContext, CancellationToken, ValueTask<T>> factory, CacheEntryPolicy? policy = null, IEnumerable<string>? tags = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(factory);
        return _engine.GetOrCreateAsync(State, key, factory, static (factory, entry, token) => factory(entry, token), policy, tags, cancellationToken);
    }

    /// <summary>Removes a key at all levels and on all nodes. No load that began before brings the old value back.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Checked before the call begins.</param>
    /// <returns>
    /// True for the one call that has removed an entry which a read would have found, so it can be used to take something once. False if there was none, or if the
    /// server did not answer; the removal then holds all the same, and is made up for there (see <c>docs/failures.md</c>).
    /// </returns>
    public ValueTask<bool> RemoveAsync(string key, CancellationToken cancellationToken = default) => _engine.TakeAsync(State, key, cancellationToken);

    /// <summary>Removes everything in the namespace: one small write and one message, whatever the number of entries.</summary>
    /// <param name="cancellationToken">Checked before the call begins.</param>
    public ValueTask ClearAsync(CancellationToken cancellationToken = default) => _engine.RemoveByTagAsync(State, Tags.TagNames.Everything, cancellationToken);

    /// <summary>Invalidates everything in the namespace that carries a tag.</summary>
    /// <param name="tag">The tag.</param>
    /// <param name="cancellationToken">Checked before the call begins.</param>
    /// <exception cref="ArgumentException">The tag is empty, white space or too long.</exception>
    public ValueTask RemoveByTagAsync(string tag, CancellationToken cancellationToken = default) => _engine.RemoveByTagAsync(State, tag, cancellationToken);

    private sealed record Followed(CacheScope Ambient, CacheScope Scope);
}
