namespace Larder;

/// <summary>
/// Tells what happens to entries. Injected as a singleton. Nothing here holds up the cache: handlers run one after the other on a thread of their own, what they throw is logged,
/// and what comes while more than 4,096 wait for one is dropped and counted. What nobody asks for costs nothing.
/// </summary>
public interface ICacheNotifications
{
    /// <summary>Calls a handler for each entry that leaves this node's memory.</summary>
    /// <param name="handler">Called with one entry at a time, in the order in which they left.</param>
    /// <returns>Disposing of it ends the calls; one may still be under way.</returns>
    IDisposable OnEviction(Action<CacheEviction> handler);

    /// <summary>How many evictions were not told because the handlers were too slow.</summary>
    long DroppedEvictions { get; }

    /// <summary>
    /// Calls a handler for each entry that expires at the server, whichever node stored it. The server must have that switched on: <c>notify-keyspace-events</c> with at least
    /// <c>Ex</c>, on a cluster on each master. Each node that subscribes is told. The server tells when it removes the key, which may be some time after its end, and tells nobody
    /// while a connection is away.
    /// </summary>
    /// <param name="handler">Called with one entry at a time.</param>
    /// <param name="cancellationToken">Ends the wait for the server.</param>
    /// <exception cref="NotSupportedException">There is no Redis or Valkey server.</exception>
    /// <exception cref="InvalidOperationException">A master has it switched off.</exception>
    Task<CacheExpirationSubscription> OnServerExpirationAsync(Action<CacheExpiration> handler, CancellationToken cancellationToken = default);

    /// <summary>
    /// What is invalidated in a scope, on this node, and on Redis and Valkey on any other, from when the enumeration begins. The same may come twice: what could not be told is
    /// told again.
    /// </summary>
    /// <param name="scope">The scope, or null for all. The invalidation of its project, its tenant and everything belong to it.</param>
    /// <param name="cancellationToken">Ends the enumeration.</param>
    /// <returns>
    /// Each invalidation once it holds on this node. 1,024 wait for the reader; beyond that the oldest are dropped, and the next one read says how many were missed. Ends with the
    /// cache.
    /// </returns>
    IAsyncEnumerable<CacheInvalidation> ReadInvalidationsAsync(CacheScope? scope = null, CancellationToken cancellationToken = default);
}
