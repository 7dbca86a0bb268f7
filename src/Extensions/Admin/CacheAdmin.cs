using Larder.Engine;
using Larder.Scopes;

namespace Larder.Admin;

internal sealed class CacheAdmin(CacheEngine engine) : ICacheAdmin
{
    public ValueTask ClearTenantAsync(string tenant, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(tenant);
        return engine.InvalidateLevelAsync(ScopedKey.TenantId(new CacheScope(tenant)), cancellationToken);
    }

    public ValueTask ClearProjectAsync(string? tenant, string? project, CancellationToken cancellationToken = default) =>
        engine.InvalidateLevelAsync(ScopedKey.ProjectId(new CacheScope(tenant, project)), cancellationToken);

    public ValueTask ClearNamespaceAsync(CacheScope scope, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return engine.InvalidateLevelAsync(ScopedKey.ScopeId(scope), cancellationToken);
    }

    public ValueTask ClearGlobalAsync(CancellationToken cancellationToken = default) =>
        engine.InvalidateLevelAsync(ScopedKey.TenantId(CacheScope.Raw), cancellationToken);

    public ValueTask ClearAllAsync(CancellationToken cancellationToken = default) => engine.InvalidateLevelAsync("*", cancellationToken);

    public Task<PurgeProgress> PurgeAsync(IProgress<PurgeProgress>? progress = null, CancellationToken cancellationToken = default) =>
        engine.PurgeAsync(progress, cancellationToken);

    public CacheStatistics GetStatistics() => engine.GetStatistics();

    public void ResetStatistics() => engine.ResetStatistics();

    public IAsyncEnumerable<CacheEntryDetails> InspectAsync(CacheScope scope, string pattern = "*", CancellationToken cancellationToken = default) =>
        engine.InspectAsync(State(scope), KeyPattern.Parse(pattern), cancellationToken);

    public ValueTask<CacheEntryDetails?> FindAsync(CacheScope scope, string key, CancellationToken cancellationToken = default) => engine.FindAsync(State(scope), key, cancellationToken);

    public ValueTask<long> RemoveByPatternAsync(CacheScope scope, string pattern, CancellationToken cancellationToken = default) =>
        engine.RemoveByPatternAsync(State(scope), KeyPattern.Parse(pattern), cancellationToken);

    public ValueTask<long> RemoveByPrefixAsync(CacheScope scope, string prefix, CancellationToken cancellationToken = default) =>
        engine.RemoveByPatternAsync(State(scope), KeyPattern.Prefix(prefix), cancellationToken);

    private ScopeState State(CacheScope scope)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return engine.Scope(scope);
    }
}
