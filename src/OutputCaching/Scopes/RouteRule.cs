using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Larder.Http;

/// <summary>A value of the matched route, as in <c>/t/{tenant}/products</c>.</summary>
internal sealed class RouteRule(string name) : IScopeRule
{
    public string Source { get; } = $"route {name}";

    public ScopeAnswer Find(HttpContext context) =>
        ScopeAnswer.Of(Convert.ToString(context.Request.RouteValues[name], CultureInfo.InvariantCulture));
}
