using Larder.Http;
using Microsoft.AspNetCore.Http;

namespace Larder;

/// <summary>Says where the tenant of a request stands, and optionally its project. See <see cref="HttpScopeRules{TSelf}"/> for the rules.</summary>
public sealed class HttpScopeBuilder : HttpScopeRules<HttpScopeBuilder>
{
    private readonly HttpProjectBuilder _project = new();
    private Func<HttpContext, string, bool>? _allowed;
    private int? _required;

    internal HttpScopeBuilder()
    {
    }

    /// <summary>The same kinds of rules for the project.</summary>
    /// <param name="rules">For example <c>p => p.FromRoute("project")</c>.</param>
    public HttpScopeBuilder Project(Action<HttpProjectBuilder> rules)
    {
        ArgumentNullException.ThrowIfNull(rules);
        rules(_project);
        return this;
    }

    /// <summary>
    /// Only tenants for which <paramref name="allowed"/> is true. Any other name counts as no tenant, so that made-up names
    /// fill no cache. Default: every name is a tenant.
    /// </summary>
    /// <param name="allowed">Asked on every request that names a tenant; must be quick.</param>
    public HttpScopeBuilder AllowTenants(Func<HttpContext, string, bool> allowed)
    {
        ArgumentNullException.ThrowIfNull(allowed);
        _allowed = allowed;
        return this;
    }

    /// <summary>
    /// Every endpoint needs a tenant, unless it says <c>WithoutTenant()</c> (health probes, the OpenAPI document, a landing
    /// page). Default: only those that say <c>RequireTenant()</c>.
    /// </summary>
    /// <param name="statusCode">What a request without one gets: 400 (default) or 404.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="statusCode"/> is neither.</exception>
    public HttpScopeBuilder RequireTenant(int statusCode = StatusCodes.Status400BadRequest)
    {
        _required = RequireTenantAttribute.Checked(statusCode);
        return this;
    }

    internal HttpScopeSettings Build()
    {
        if (Rules.Count == 0 && _project.Rules.Count == 0)
        {
            throw new InvalidOperationException("AddHttpScope was given no rule. Say where the tenant stands, for example AddHttpScope(s => s.FromRoute(\"tenant\")).");
        }

        return new HttpScopeSettings([.. Rules], [.. _project.Rules], _allowed, _required);
    }
}
