using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;

namespace Larder.Http;

/// <summary>Asks the rules, and keeps one <see cref="CacheScope"/> per tenant and project, because an instance remembers its state in the engine.</summary>
internal sealed class HttpScopeResolver(HttpScopeSettings settings)
{
    // Beyond this, names are likely made up. Their requests get a scope of their own, which costs one look-up more.
    private const int MaximumKept = 4_096;

    private readonly ConcurrentDictionary<(string? Tenant, string? Project), CacheScope> _scopes = new();

    public HttpScopeSettings Settings { get; } = settings;

    /// <summary>Whether the application has called <c>UseLarderScope</c>.</summary>
    public bool IsApplied { get; set; }

    public HttpScope Resolve(HttpContext context)
    {
        var tenant = Ask(Settings.Tenant, context, out var tenantSource, out var ambiguous);
        if (ambiguous is not null)
        {
            return new HttpScope(CacheScope.Raw, null, null) { Ambiguous = ambiguous };
        }

        if (tenant is not null && Settings.Allowed is { } allowed && !allowed(context, tenant))
        {
            (tenant, tenantSource) = (null, null);
        }

        var project = Ask(Settings.Project, context, out var projectSource, out ambiguous);
        return ambiguous is null
            ? new HttpScope(Scope(tenant, project), tenantSource, projectSource)
            : new HttpScope(CacheScope.Raw, null, null) { Ambiguous = ambiguous };
    }

    private static string? Ask(IScopeRule[] rules, HttpContext context, out string? source, out string? ambiguous)
    {
        source = ambiguous = null;
        foreach (var rule in rules)
        {
            var answer = rule.Find(context);
            if (answer.Ambiguous)
            {
                ambiguous = rule.Source;
                return null;
            }

            if (answer.Name is not null)
            {
                source = rule.Source;
                return answer.Name;
            }
        }

        return null;
    }

    private CacheScope Scope(string? tenant, string? project)
    {
        if (_scopes.TryGetValue((tenant, project), out var scope))
        {
            return scope;
        }

        scope = new CacheScope(tenant, project);

        // The count is taken without a lock: a few more than the maximum do no harm.
        return _scopes.Count < MaximumKept ? _scopes.GetOrAdd((tenant, project), scope) : scope;
    }
}
