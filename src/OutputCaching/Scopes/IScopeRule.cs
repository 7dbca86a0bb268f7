using Microsoft.AspNetCore.Http;

namespace Larder.Http;

/// <summary>One place in a request where the name of a tenant or project may stand.</summary>
internal interface IScopeRule
{
    /// <summary>What the rule looks at, for people: <c>header X-Tenant</c>.</summary>
    string Source { get; }

    /// <summary>What stands there.</summary>
    ScopeAnswer Find(HttpContext context);
}
