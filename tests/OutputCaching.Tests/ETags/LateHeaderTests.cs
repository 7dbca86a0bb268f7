using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.ResponseCompression;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests;

/// <summary>What is added to a response when it starts, which is late where it is held back.</summary>
public class LateHeaderTests
{
    private static Task<PageApp> StartAsync(CacheRouteETag etag, Action<HttpContext> onStarting) => PageApp.StartAsync((pages, web) => web.MapGet("/p", async (HttpContext http) =>
    {
        // As sessions and sliding cookies do.
        http.Response.OnStarting(() =>
        {
            onStarting(http);
            return Task.CompletedTask;
        });
        await http.Response.WriteAsync($"{pages.Next()}");
    }).CacheRoute(route => route.ETag = etag));

    [Theory]
    [InlineData(CacheRouteETag.Generation, "set-cookie")]
    [InlineData(CacheRouteETag.Content, "set-cookie")]
    [InlineData(CacheRouteETag.Generation, "cache-control")]
    [InlineData(CacheRouteETag.Content, "cache-control")]
    [InlineData(CacheRouteETag.Generation, "status")]
    [InlineData(CacheRouteETag.Content, "status")]
    public async Task A_response_that_says_when_it_starts_that_it_is_not_for_others_is_not_stored(CacheRouteETag etag, string reason)
    {
        await using var app = await StartAsync(etag, http =>
        {
            switch (reason)
            {
                case "set-cookie":
                    http.Response.Headers.SetCookie = "session=1";
                    break;
                case "cache-control":
                    http.Response.Headers.CacheControl = "private";
                    break;
                default:
                    http.Response.StatusCode = 403;
                    break;
            }
        });
        var first = await app.GetAsync("/p");
        var second = await app.GetAsync("/p");

        Assert.Equal(("1", $"larder; fwd=uri-miss; fwd-status={first.Status}; detail={reason}"), (first.Body, first.CacheStatus));
        Assert.Equal("", first.Headers.ETag.ToString());
        Assert.Equal("2", second.Body);
    }

    [Theory]
    [InlineData(CacheRouteETag.None)]
    [InlineData(CacheRouteETag.Generation)]
    [InlineData(CacheRouteETag.Content)]
    public async Task Compression_outside_of_the_cache_keeps_no_page_from_it(CacheRouteETag etag)
    {
        await using var app = await StartCompressingAsync(etag, http => http.Response.WriteAsync(new string('x', 10_000)));
        foreach (var (encoding, isFirst) in ((string, bool)[])[("gzip", true), ("gzip", false), ("", false)])
        {
            var page = await app.GetAsync("/p", configure: http => http.Request.Headers.AcceptEncoding = encoding);

            Assert.Equal((!isFirst, encoding), (page.IsHit, page.Headers.ContentEncoding.ToString()));
            Assert.Equal(encoding.Length == 0, page.Body == new string('x', 10_000));
        }
    }

    [Fact]
    public async Task What_the_endpoint_itself_encodes_is_still_not_stored()
    {
        await using var app = await StartCompressingAsync(CacheRouteETag.Generation, http =>
        {
            http.Response.Headers.Vary = "accept-encoding";
            return http.Response.WriteAsync(http.Request.Headers.AcceptEncoding.Count > 0 ? "packed" : "plain");
        });

        Assert.Equal("larder; fwd=uri-miss; fwd-status=200; detail=vary", (await app.GetAsync("/p", configure: http => http.Request.Headers.AcceptEncoding = "br")).CacheStatus);
        Assert.Equal("plain", (await app.GetAsync("/p")).Body);
    }

    [Theory]
    [InlineData(CacheRouteETag.Generation, true)]
    [InlineData(CacheRouteETag.Content, true)]
    [InlineData(CacheRouteETag.Generation, false)]
    [InlineData(CacheRouteETag.Content, false)]
    public async Task What_a_middleware_outside_of_the_cache_says_when_the_response_starts_is_not_the_pages(CacheRouteETag etag, bool isOutside)
    {
        await using var app = await PageApp.StartAsync(
            (pages, web) => web.MapGet("/p", () => $"{pages.Next()}").CacheRoute(route => route.ETag = etag),
            services: services => services.AddCors(options => options.AddDefaultPolicy(policy => policy.WithOrigins("https://a.example", "https://b.example"))),
            pipeline: web => _ = isOutside ? web.UseCors().UsePages() : web.UsePages().UseCors());
        foreach (var (origin, body) in ((string, string)[])[("https://a.example", "1"), ("https://b.example", isOutside ? "1" : "2")])
        {
            var page = await app.GetAsync("/p", configure: http => http.Request.Headers.Origin = origin);
            await app.UntilToldAsync();

            Assert.Equal((body, origin, "Origin"), (page.Body, page.Headers.AccessControlAllowOrigin.ToString(), page.Headers.Vary.ToString()));
            Assert.Equal(!isOutside, page.CacheStatus.EndsWith("detail=vary", StringComparison.Ordinal));
        }
    }

    private static Task<PageApp> StartCompressingAsync(CacheRouteETag etag, Func<HttpContext, Task> endpoint) => PageApp.StartAsync(
        (_, web) => web.MapGet("/p", async (HttpContext http) =>
        {
            http.Response.ContentType = "text/plain";
            await endpoint(http);
        }).CacheRoute(route => route.ETag = etag),
        services: services => services.AddResponseCompression(options => options.Providers.Add<GzipCompressionProvider>()),
        pipeline: web => web.UseResponseCompression().UsePages());
}
