using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Http;

/// <summary>Ends what a request has begun in the cache, whether it was answered, failed or was aborted.</summary>
/// <remarks>It stands first in the pipeline by itself, because others wait for what a request has begun: no exception and no middleware may come between.</remarks>
internal sealed class PageRequestMiddleware(RequestDelegate next, CacheRoutePolicy policy)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var feature = new PageFeature(policy);
        context.Features[typeof(PageFeature)] = feature;
        try
        {
            await next(context).ConfigureAwait(false);
        }
        finally
        {
            feature.End();
        }
    }

    /// <summary>Puts the middleware in front, and checks what can be known before the first request.</summary>
    internal sealed class StartupFilter : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            if (app.ApplicationServices.GetService<IOutputCacheStore>() is var store and not PageStore)
            {
                throw new InvalidOperationException(
                    $"AddOutputCaching keeps pages with the data they show, but the application's IOutputCacheStore is {store?.GetType().ToString() ?? "missing"}. Do not register another store after services.AddLarder().AddOutputCaching().");
            }

            app.UseMiddleware<PageRequestMiddleware>();
            next(app);
            CachedEndpoints.Check(app.ApplicationServices);
        };
    }
}
