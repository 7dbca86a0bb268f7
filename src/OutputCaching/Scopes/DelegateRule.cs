using Microsoft.AspNetCore.Http;

namespace Larder.Http;

/// <summary>What the application's own code finds.</summary>
internal sealed class DelegateRule(Func<HttpContext, string?> find, string name) : IScopeRule
{
    public string Source { get; } = name;

    public ScopeAnswer Find(HttpContext context) => ScopeAnswer.Of(find(context));
}
