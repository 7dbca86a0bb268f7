using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Http;

/// <summary>Whose a request's page is.</summary>
internal sealed class HttpScopeAccess(IServiceProviderIsService services)
{
    private readonly bool _hasRules = services.IsService(typeof(HttpScopeResolver));

    /// <exception cref="InvalidOperationException">The application has rules, and they were not applied yet.</exception>
    public CacheScope Of(HttpContext http) => TryFind(http)
        ?? throw new InvalidOperationException("The output cache ran before the scope of the request was known. Call app.UseLarderScope() before app.UseLarderOutputCache() or app.UseOutputCache().");

    /// <summary>The scope of the request, or null if the application has rules that were not applied yet.</summary>
    public CacheScope? TryFind(HttpContext http) =>
        http.Features.Find<IHttpScopeFeature>() is { } feature ? feature.Scope
        : _hasRules ? null
        : PageScope.Of(CacheScope.Current);
}
