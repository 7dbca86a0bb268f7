namespace Larder;

/// <summary>
/// What an operator does with the cache as a whole. Injected as a singleton.
/// </summary>
/// <remarks>
/// A clear is one small write and one message, whatever the number of entries: when it has completed, this node serves nothing
/// from before it, and the other nodes follow as for any invalidation (see <c>docs/consistency.md</c>). The memory that cleared
/// entries take is given back by eviction, expiry or <see cref="PurgeAsync"/>.
/// </remarks>
public interface ICacheAdmin
{
    /// <summary>Clears all entries of a tenant, in all its projects and namespaces.</summary>
    /// <param name="tenant">The tenant. Not null; for entries without a tenant see <see cref="ClearGlobalAsync"/>.</param>
    /// <param name="cancellationToken">Checked before the clear begins.</param>
    ValueTask ClearTenantAsync(string tenant, CancellationToken cancellationToken = default);

    /// <summary>Clears all entries of a project of a tenant, in all its namespaces.</summary>
    /// <param name="tenant">The tenant, or <see langword="null"/> for a project without one.</param>
    /// <param name="project">The project, or <see langword="null"/> for what the tenant has outside of projects.</param>
    /// <param name="cancellationToken">Checked before the clear begins.</param>
    ValueTask ClearProjectAsync(string? tenant, string? project, CancellationToken cancellationToken = default);

    /// <summary>Clears all entries of exactly this tenant, project and namespace.</summary>
    /// <param name="scope">The scope; absent parts are part of it.</param>
    /// <param name="cancellationToken">Checked before the clear begins.</param>
    ValueTask ClearNamespaceAsync(CacheScope scope, CancellationToken cancellationToken = default);

    /// <summary>Clears all entries that belong to no tenant, in all projects and namespaces.</summary>
    /// <param name="cancellationToken">Checked before the clear begins.</param>
    ValueTask ClearGlobalAsync(CancellationToken cancellationToken = default);

    /// <summary>Clears everything of this application's prefix and version.</summary>
    /// <param name="cancellationToken">Checked before the clear begins.</param>
    ValueTask ClearAllAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Cleans up: gives back what invalidated entries still take, in this node's memory and at the server, and takes keys out of index sets whose entries are gone. It scans
    /// in small steps (on a cluster on every master), and never blocks the server. <see cref="LarderOptions.PurgeInterval"/> does it regularly.
    /// </summary>
    /// <param name="progress">Told after each step.</param>
    /// <param name="cancellationToken">Stops between two steps; what was removed stays removed.</param>
    /// <returns>What was looked at and removed in all.</returns>
    Task<PurgeProgress> PurgeAsync(IProgress<PurgeProgress>? progress = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// What this node has counted, and what its memory holds. Looks at each entry in memory once. Hits and misses are zero unless
    /// <see cref="LarderOptions.Statistics"/> is on.
    /// </summary>
    CacheStatistics GetStatistics();

    /// <summary>Begins to count anew. What memory holds, and the hits that entries have noted, stay.</summary>
    void ResetStatistics();

    /// <summary>
    /// The entries of exactly this scope whose keys fit a pattern, as they are found: those at the server, and those in this node's memory. Expired and invalidated ones are
    /// left out. The server is asked in small steps, on a cluster on every master.
    /// </summary>
    /// <param name="scope">The scope; absent parts are part of it.</param>
    /// <param name="pattern"><c>*</c> stands for any text, <c>?</c> for one character (of UTF-16), all else for itself. 1 to 4,096 characters.</param>
    /// <param name="cancellationToken">Ends the enumeration.</param>
    /// <returns>Entries in no order. One that is there throughout comes once, others perhaps; should the server reorganize its keys meanwhile, and hold more than 10,000, some may come twice.</returns>
    /// <exception cref="ArgumentException">The pattern is empty or too long.</exception>
    /// <exception cref="NotSupportedException">The entries are in a wrapped <c>HybridCache</c>, which cannot list them.</exception>
    /// <exception cref="SecondLevelException">While enumerating: the server did not answer.</exception>
    IAsyncEnumerable<CacheEntryDetails> InspectAsync(CacheScope scope, string pattern = "*", CancellationToken cancellationToken = default);

    /// <summary>What is known of one entry, or null if a call would find nothing under the key. Does not count as a read.</summary>
    /// <param name="scope">The scope.</param>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Ends the call before it begins.</param>
    /// <exception cref="SecondLevelException">The second level did not answer.</exception>
    ValueTask<CacheEntryDetails?> FindAsync(CacheScope scope, string key, CancellationToken cancellationToken = default);

    /// <summary>
    /// Removes the entries of exactly this scope whose keys fit a pattern, on all nodes. For each key it holds what holds for <c>RemoveAsync</c>: no load that began before
    /// brings the old value back. All keys at the server are looked through twice, in small steps; a tag does the same at once.
    /// </summary>
    /// <param name="scope">The scope; absent parts are part of it.</param>
    /// <param name="pattern">As for <see cref="InspectAsync"/>.</param>
    /// <param name="cancellationToken">Stops between two steps; what was removed stays removed.</param>
    /// <returns>How many of them a read would have found: expired, invalidated and "not found" are removed and not counted.</returns>
    /// <exception cref="ArgumentException">The pattern is empty or too long.</exception>
    /// <exception cref="NotSupportedException">The second level cannot list its keys.</exception>
    /// <exception cref="SecondLevelException">The server did not answer and may hold some still; or the other nodes could not be told, and
    /// <see cref="LarderOptions.OnInvalidationFailure"/> asks to say so.</exception>
    ValueTask<long> RemoveByPatternAsync(CacheScope scope, string pattern, CancellationToken cancellationToken = default);

    /// <summary>The same for the keys that begin with a text, in which <c>*</c> and <c>?</c> stand for themselves.</summary>
    /// <param name="scope">The scope; absent parts are part of it.</param>
    /// <param name="prefix">The text. 1 to 4,096 characters.</param>
    /// <param name="cancellationToken">Stops between two steps; what was removed stays removed.</param>
    /// <inheritdoc cref="RemoveByPatternAsync"/>
    ValueTask<long> RemoveByPrefixAsync(CacheScope scope, string prefix, CancellationToken cancellationToken = default);
}
