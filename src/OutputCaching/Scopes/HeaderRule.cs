using Microsoft.AspNetCore.Http;

namespace Larder.Http;

/// <summary>A request header. One that is sent twice names two tenants, so neither is believed.</summary>
internal sealed class HeaderRule(string name) : IScopeRule
{
    public string Source { get; } = $"header {name}";

    public ScopeAnswer Find(HttpContext context)
    {
        var values = context.Request.Headers[name];
        return values.Count > 1 ? ScopeAnswer.Several : ScopeAnswer.Of(values.ToString());
    }
}
