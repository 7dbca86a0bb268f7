namespace Larder.Samples.WebApp.Hosting;

internal static class DataCacheHeader
{
    private const string Name = "X-Data-Cache";

    /// <summary>
    /// Sends <c>X-Data-Cache: hit</c> or <c>miss</c>. It is set when the response starts, and so is not stored with a page: a page from the
    /// output cache has none, because nobody asked the data cache.
    /// </summary>
    public static IApplicationBuilder UseDataCacheHeader(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        context.Response.OnStarting(() =>
        {
            if (context.RequestServices.GetRequiredService<DataCacheLog>().Hit is { } hit)
            {
                context.Response.Headers[Name] = hit ? "hit" : "miss";
            }

            return Task.CompletedTask;
        });
        return next(context);
    });
}
