using Larder.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Puts the output cache in place.</summary>
public static class LarderOutputCacheApplicationBuilderExtensions
{
    /// <summary>
    /// Stands in the place of <c>UseOutputCache</c>: pages of <c>[CacheRoute]</c> that are in memory and have a body are sent at once, and all other requests go on to the framework's output cache, which this adds
    /// too. Responses are the same. It belongs after <c>UseRouting</c>, <c>UseLarderScope</c>, <c>UseAuthentication</c> and <c>UseAuthorization</c>.
    /// </summary>
    /// <remarks>
    /// The framework writes no log line for pages that are sent at once, and sets no <c>IOutputCacheFeature</c>. Where an application has base policies of its own
    /// (<c>OutputCacheOptions.AddBasePolicy</c>), the framework asks them for every request and serves all pages.
    /// </remarks>
    /// <param name="app">The application.</param>
    /// <exception cref="InvalidOperationException"><c>AddOutputCaching</c> was not called.</exception>
    public static IApplicationBuilder UseLarderOutputCache(this IApplicationBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        if (app.ApplicationServices.GetService<CacheRoutePolicy>() is null)
        {
            throw new InvalidOperationException("UseLarderOutputCache needs its services. Call services.AddLarder().AddOutputCaching() first.");
        }

        return app.UseMiddleware<PageHitMiddleware>().UseOutputCache();
    }
}
