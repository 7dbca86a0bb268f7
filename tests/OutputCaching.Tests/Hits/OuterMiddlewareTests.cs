using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests;

/// <summary>What middleware outside of the cache finds and does is the same whether a page is served ahead or by the framework.</summary>
public sealed class OuterMiddlewareTests
{
    private static void UseCache(IApplicationBuilder app, bool isAhead) => _ = isAhead ? app.UseLarderOutputCache() : app.UseOutputCache();

    // As applications do whose pages are made in the browser: what is not found there is answered by another path.
    private static Task<PageApp> WithFallbackAsync(bool isAhead) => PageApp.StartAsync(
        (pages, web) =>
        {
            web.MapGet("/p", (HttpContext http) =>
            {
                http.Response.StatusCode = 404;
                return Task.CompletedTask;
            }).CacheRoute(route => route.NotFound = 60);
            web.MapGet("/fallback", () => Results.Text($"{pages.Next()}")).CacheRoute(route => (route.NotFound, route.Tags) = (60, ["fallback"]));
        },
        pipeline: web =>
        {
            web.Use(async (http, next) =>
            {
                await next(http);
                if (http.Response.StatusCode == 404 && !http.Response.HasStarted)
                {
                    http.SetEndpoint(null);
                    http.Request.RouteValues.Clear();
                    http.Request.Path = "/fallback";
                    await next(http);
                }
            });
            UseCache(web.UseRouting(), isAhead);
        });

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_request_that_is_answered_on_its_second_pass_says_nothing_of_the_first(bool isAhead)
    {
        await using var app = await WithFallbackAsync(isAhead);
        await app.GetAsync("/p");

        Assert.Equal((404, "1", "larder; hit; ttl=60"), (await app.GetAsync("/p")) switch { var page => (page.Status, page.Body, page.CacheStatus) });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_is_said_of_a_first_pass_is_not_stored_with_the_page_of_the_second(bool isAhead)
    {
        await using var app = await WithFallbackAsync(isAhead);
        await app.GetAsync("/p");
        await app.Cache.RemoveByTagAsync("fallback");
        Assert.Equal("larder; fwd=uri-miss; fwd-status=404; stored", (await app.GetAsync("/p")).CacheStatus);

        Assert.Equal(("2", "larder; hit; ttl=60"), (await app.GetAsync("/p")) switch { var page => (page.Body, page.CacheStatus) });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_error_in_place_of_a_page_that_was_found_does_not_pass_for_the_page(bool isAhead)
    {
        await using var app = await PageApp.StartAsync(
            (_, web) =>
            {
                web.MapGet("/p", () => Results.Redirect("/q", permanent: true)).CacheRoute(route => route.Statuses = ["301=60"]);
                web.MapGet("/error", () => "failed");
            },
            pipeline: web =>
            {
                web.UseExceptionHandler("/error").Use(async (http, next) =>
                {
                    await next(http);
                    if (http.Request.Headers.ContainsKey("X-Fail") && http.Request.Path == "/p")
                    {
                        throw new InvalidOperationException("after the page");
                    }
                });
                UseCache(web.UseRouting(), isAhead);
            });
        await app.GetAsync("/p");
        Assert.Equal((301, true), (await app.GetAsync("/p")) switch { var page => (page.Status, page.IsHit) });
        var failed = await app.GetAsync("/p", configure: http => http.Request.Headers["X-Fail"] = "1");

        Assert.Equal((500, "failed", "", ""), (failed.Status, failed.Body, failed.CacheStatus, failed.Headers.Age.ToString()));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_body_that_waits_to_be_flushed_is_flushed(bool isAhead)
    {
        await using var app = await PageApp.StartAsync((_, web) => web.MapGet("/p", () => new string('x', 100_000)).CacheRoute(), pipeline: web =>
        {
            web.Use(async (http, next) =>
            {
                var client = http.Response.Body;
                http.Response.Body = new BufferedStream(client, 1_000_000);
                await next(http);
                http.Response.Body = client;
            });
            UseCache(web, isAhead);
        });

        Assert.Equal(100_000, (await app.GetAsync("/p")).Body.Length);
        Assert.Equal((100_000, true), (await app.GetAsync("/p")) switch { var page => (page.Body.Length, page.IsHit) });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_stands_in_the_headers_before_is_kept_unless_the_page_says_otherwise(bool isAhead)
    {
        await using var app = await PageApp.StartAsync((_, web) => web.MapGet("/p", (HttpContext http) =>
        {
            http.Response.Headers.ETag = "\"page\"";
            return Results.Text("page", "text/plain", Encoding.UTF8);
        }).CacheRoute(), pipeline: web =>
        {
            web.Use((http, next) =>
            {
                if (http.Request.Headers.ContainsKey("X-Before"))
                {
                    (http.Response.ContentLength, http.Response.ContentType, http.Response.StatusCode) = (1, "text/html", 202);
                    (http.Response.Headers.ETag, http.Response.Headers.SetCookie, http.Response.Headers.Age) = ("\"before\"", "a=b", "7");
                }

                return next(http);
            });
            UseCache(web, isAhead);
        });
        await app.GetAsync("/p");
        var hit = await app.GetAsync("/p", configure: http => http.Request.Headers["X-Before"] = "1");

        Assert.Equal((200, "page", true, 4, "text/plain; charset=utf-8"), (hit.Status, hit.Body, hit.IsHit, hit.Headers.ContentLength ?? 0, hit.Headers.ContentType.ToString()));
        Assert.Equal(("\"page\"", "a=b", "0"), (hit.Headers.ETag.ToString(), hit.Headers.SetCookie.ToString(), hit.Headers.Age.ToString()));
        Assert.Equal("", (await app.GetAsync("/p")).Headers.SetCookie.ToString());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_fails_in_the_cache_fails_by_the_task_that_others_wait_for(bool isAhead)
    {
        Task? failing = null;
        await using var app = await PageApp.StartAsync((_, web) => web.MapGet("/p", () => "page").CacheRoute(route => route.KeyBy = _ => throw new InvalidOperationException("no key")), pipeline: web =>
        {
            web.Use((http, next) => failing = next(http));
            UseCache(web, isAhead);
        });

        Assert.Equal("no key", (await Assert.ThrowsAsync<InvalidOperationException>(() => app.GetAsync("/p"))).Message);
        Assert.Equal("no key", (await Assert.ThrowsAsync<InvalidOperationException>(() => Assert.IsType<Task>(failing, exactMatch: false))).Message);
    }
}
