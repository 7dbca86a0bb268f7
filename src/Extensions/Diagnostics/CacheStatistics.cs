namespace Larder;

/// <summary>What this node has counted, and what its memory holds, at one moment.</summary>
public sealed class CacheStatistics
{
    internal CacheStatistics(bool isCounting, DateTimeOffset since, DateTimeOffset at, IReadOnlyList<CacheScopeStatistics> scopes, CacheCounts others)
    {
        IsCounting = isCounting;
        Since = since;
        At = at;
        Scopes = scopes;
        Others = others;
        Total = Sum(scopes).Plus(others);
    }

    /// <summary>Whether hits, misses and so on are counted (see <see cref="LarderOptions.Statistics"/>). If not they are zero; what memory holds is told all the same.</summary>
    public bool IsCounting { get; }

    /// <summary>When counting began: with the cache, or at the last <see cref="ICacheAdmin.ResetStatistics"/>.</summary>
    public DateTimeOffset Since { get; }

    /// <summary>When this was taken.</summary>
    public DateTimeOffset At { get; }

    /// <summary>Everything: the sum of <see cref="Scopes"/> and <see cref="Others"/>.</summary>
    public CacheCounts Total { get; }

    /// <summary>Each scope by itself, 10,000 at most that are counted.</summary>
    public IReadOnlyList<CacheScopeStatistics> Scopes { get; }

    /// <summary>
    /// What belongs to no single scope of <see cref="Scopes"/>: clears of projects, tenants and everything, and scopes beyond the first 10,000.
    /// </summary>
    public CacheCounts Others { get; }

    /// <summary>The scopes of each tenant together; null is the name of what has none.</summary>
    public IEnumerable<(string? Tenant, CacheCounts Counts)> ByTenant() => Group(static scope => scope.Tenant);

    /// <summary>The scopes of each namespace together, over all tenants and projects; null is the name of what has none.</summary>
    public IEnumerable<(string? Namespace, CacheCounts Counts)> ByNamespace() => Group(static scope => scope.Namespace);

    private IEnumerable<(string?, CacheCounts)> Group(Func<CacheScope, string?> name) =>
        Scopes.GroupBy(scope => name(scope.Scope), StringComparer.Ordinal).OrderBy(static group => group.Key, StringComparer.Ordinal).Select(static group => (group.Key, Sum(group)));

    private static CacheCounts Sum(IEnumerable<CacheScopeStatistics> scopes) => scopes.Aggregate(new CacheCounts(), static (sum, scope) => sum.Plus(scope.Counts));
}

/// <summary>What was counted of one scope.</summary>
/// <param name="Scope">The scope.</param>
/// <param name="Counts">Its counts.</param>
public sealed record CacheScopeStatistics(CacheScope Scope, CacheCounts Counts);
