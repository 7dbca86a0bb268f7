using Larder.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Puts the scope of a request in place.</summary>
public static class LarderScopeApplicationBuilderExtensions
{
    /// <summary>
    /// Makes the scope that <c>AddHttpScope</c> describes ambient for the rest of the request. It belongs after
    /// <c>UseRouting</c> (rules ask route values and endpoint metadata) and <c>UseAuthentication</c> (claims), and before
    /// <c>UseLarderOutputCache</c>.
    /// </summary>
    /// <param name="app">The application.</param>
    /// <exception cref="InvalidOperationException"><c>AddHttpScope</c> was not called.</exception>
    public static IApplicationBuilder UseLarderScope(this IApplicationBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        if (app.ApplicationServices.GetService<HttpScopeResolver>() is not { } resolver)
        {
            throw new InvalidOperationException("UseLarderScope needs to know where the tenant stands. Call services.AddLarder().AddHttpScope(s => s.FromRoute(\"tenant\")) first.");
        }

        resolver.IsApplied = true;
        return app.UseMiddleware<LarderScopeMiddleware>();
    }
}
