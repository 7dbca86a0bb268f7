using Microsoft.AspNetCore.Http;

namespace Larder.Http;

/// <summary>What <c>AddHttpScope</c> was told.</summary>
/// <param name="Tenant">Rules for the tenant, in order.</param>
/// <param name="Project">Rules for the project, in order.</param>
/// <param name="Allowed">Whether a name is that of a tenant; null for all.</param>
/// <param name="Required">The status of a request without tenant at endpoints that say nothing; null if it may pass.</param>
internal sealed record HttpScopeSettings(
    IScopeRule[] Tenant, IScopeRule[] Project, Func<HttpContext, string, bool>? Allowed, int? Required);
