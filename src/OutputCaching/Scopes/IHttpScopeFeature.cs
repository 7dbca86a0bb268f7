namespace Larder;

/// <summary>Whose data a request is about, and which rule said so: a feature that <c>UseLarderScope</c> sets on every request.</summary>
public interface IHttpScopeFeature
{
    /// <summary>The scope that is ambient during the request.</summary>
    CacheScope Scope { get; }

    /// <summary>
    /// The rule that found the tenant: <c>route tenant</c>, <c>header X-Tenant</c>, <c>claim tid</c>,
    /// <c>host {tenant}.shop.example</c> or the name given to <c>From</c>. <see langword="null"/> when there is no tenant.
    /// </summary>
    string? TenantSource { get; }

    /// <summary>The rule that found the project, or <see langword="null"/> when there is none.</summary>
    string? ProjectSource { get; }
}
