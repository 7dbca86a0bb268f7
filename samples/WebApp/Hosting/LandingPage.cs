using Larder.Samples.WebApp.Data;

namespace Larder.Samples.WebApp.Hosting;

/// <summary>A page that says what to try.</summary>
internal static class LandingPage
{
    public static void MapLandingPage(this IEndpointRouteBuilder app) =>
        app.MapGet("/", () => TypedResults.Content(Html, "text/html; charset=utf-8")).ExcludeFromDescription();

    private static readonly string Html = $$"""
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Larder sample</title>
        <style>
          :root { color-scheme: light dark }
          body { font: 1rem/1.6 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
          code, pre { font-family: ui-monospace, monospace; font-size: .9em }
          pre { overflow-x: auto; padding: .75rem 1rem; border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: .4rem }
        </style>
        <h1>A catalogue for several tenants</h1>
        <p>Every tenant has products with the same numbers. None sees another's, in the database or in a cache.</p>
        <ul>
        {{Links()}}
        </ul>
        <h2>See the cache work</h2>
        <pre>curl -i localhost:5080/t/acme/products/1     # Cache-Status: …; fwd=uri-miss; stored   X-Data-Cache: miss
        curl -i localhost:5080/t/acme/products/1     # Cache-Status: …; hit
        curl -i localhost:5080/products/1 -H 'X-Tenant: globex'   # another tenant: a miss, another product
        curl -i -X PUT localhost:5080/t/acme/products/1 -H 'If-Match: *' -H 'Content-Type: application/json' \
          -d '{"sku":"ACM-00001","name":"Renamed","category":"Lighting","priceCents":995,"stock":3}'
        curl -i localhost:5080/t/acme/products/1     # a miss again, with the new name</pre>
        <p><code>Cache-Status</code> speaks of the page, <code>X-Data-Cache</code> of the data behind it; a page from the cache asks for no data.
        The same steps are in <code>WebApp.http</code>.</p>
        <p>The same, drawn: <a href="/larder">the dashboard</a>, and <a href="/larder/statistics">its numbers as JSON</a>.
        Health: <a href="/health/live">live</a>, <a href="/health/ready">ready</a>, <a href="/health">all</a>.
        API: <a href="/openapi/v1.json">OpenAPI document</a>.</p>
        </html>
        """;

    private static string Links() => string.Concat(Tenants.All.Select(tenant =>
        $"""<li>{tenant}: <a href="/t/{tenant}/products/1">product 1</a>, <a href="/t/{tenant}/products?q=lamp&amp;size=5">lamps</a></li>"""));
}
