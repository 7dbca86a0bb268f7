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
    /// Gives back what invalidated entries still take, in this node's memory and at the server. It scans in small steps (on a
    /// cluster on every master), and never blocks the server.
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
}
