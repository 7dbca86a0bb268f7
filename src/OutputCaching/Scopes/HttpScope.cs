namespace Larder.Http;

/// <summary>What the rules made of a request.</summary>
internal sealed class HttpScope(CacheScope scope, string? tenantSource, string? projectSource) : IHttpScopeFeature
{
    public CacheScope Scope { get; } = scope;

    public string? TenantSource { get; } = tenantSource;

    public string? ProjectSource { get; } = projectSource;

    /// <summary>The rule that found several names, if one did: the request must not be answered then.</summary>
    public string? Ambiguous { get; init; }
}
