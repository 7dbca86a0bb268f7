using System.Security.Claims;
using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using NSubstitute;
using Xunit;

namespace Larder.Tests;

/// <summary>Which responses are stored, and what <c>Cache-Status</c> says about it.</summary>
public class ResponseTests
{
    private static async Task<(Answer First, Answer Second)> TwiceAsync(Action<HttpContext> respond, Action<HttpContext>? ask = null, Action<WebApplication>? pipeline = null)
    {
        await using var app = await PageApp.StartAsync(
            (pages, web) => web.MapGet("/p", async (HttpContext http) =>
            {
                respond(http);
                await http.Response.WriteAsync($"{pages.Next()}");
            }).CacheRoute(route => route.Duration = 30),
            pipeline: pipeline);
        var first = await app.GetAsync("/p", configure: ask);
        await app.UntilToldAsync();
        return (first, await app.GetAsync("/p", configure: ask));
    }

    [Fact]
    public async Task A_plain_200_is_stored_and_hit_with_what_is_left_of_its_time()
    {
        var (first, second) = await TwiceAsync(_ => { });

        Assert.Equal("larder; fwd=uri-miss; fwd-status=200; stored", first.CacheStatus);
        Assert.Matches("^larder; hit; ttl=(29|30)$", second.CacheStatus);
        Assert.Equal(first.Body, second.Body);
    }

    [Fact]
    public async Task Where_failed_reads_throw_a_page_that_cannot_be_looked_for_is_computed()
    {
        var store = Substitute.For<IDistributedCache>();
        store.GetAsync(default!, default).ReturnsForAnyArgs(Task.FromException<byte[]?>(new IOException("away")));
        await using var app = await PageApp.StartAsync(
            (pages, web) => web.MapGet("/p", () => $"{pages.Next()}").CacheRoute(),
            services: services =>
            {
                services.AddSingleton(store);
                services.AddLarder(options => options.OnReadFailure = SecondLevelFailure.Throw);
            });
        var page = await app.GetAsync("/p");

        Assert.Equal((200, "1"), (page.Status, page.Body));
        Assert.Contains("no-answer", page.CacheStatus, StringComparison.Ordinal);
    }

    public static TheoryData<string, string, string> NotStored => new()
    {
        { "Set-Cookie", "a=b", "set-cookie" },
        { "Vary", "X-Lang", "vary" },
        { "Vary", "*", "vary" },
        { "Cache-Control", "private", "cache-control" },
        { "Cache-Control", "max-age=60, No-Store", "cache-control" },
        { "Cache-Control", "private=\"X-User\"", "cache-control" },
    };

    [Theory]
    [MemberData(nameof(NotStored))]
    public async Task A_response_that_says_it_is_not_for_others_is_not_stored(string header, string value, string reason)
    {
        var (first, second) = await TwiceAsync(http => http.Response.Headers[header] = value);

        Assert.Equal($"larder; fwd=uri-miss; fwd-status=200; detail={reason}", first.CacheStatus);
        Assert.Equal(first.CacheStatus, second.CacheStatus);
        Assert.NotEqual(first.Body, second.Body);
    }

    [Theory]
    [InlineData(201)]
    [InlineData(404)]
    [InlineData(500)]
    public async Task Other_statuses_are_not_stored(int status)
    {
        var (first, second) = await TwiceAsync(http => http.Response.StatusCode = status);

        Assert.Equal($"larder; fwd=uri-miss; fwd-status={status}; detail=status", first.CacheStatus);
        Assert.NotEqual(first.Body, second.Body);
    }

    [Fact]
    public async Task A_request_with_credentials_is_left_alone()
    {
        var (first, second) = await TwiceAsync(_ => { }, http => http.Request.Headers.Authorization = "Bearer x");

        Assert.Equal("larder; fwd=bypass; detail=authenticated", first.CacheStatus);
        Assert.NotEqual(first.Body, second.Body);
    }

    [Fact]
    public async Task What_a_user_got_is_not_stored_even_where_the_cache_runs_before_authentication()
    {
        var (first, second) = await TwiceAsync(_ => { }, pipeline: web => web.UsePages().Use((context, next) =>
        {
            context.User = new ClaimsPrincipal(new ClaimsIdentity([new Claim("sub", "alice")], "cookie"));
            return next(context);
        }));

        Assert.Equal("larder; fwd=uri-miss; fwd-status=200; detail=authenticated", first.CacheStatus);
        Assert.NotEqual(first.Body, second.Body);
    }

    [Fact]
    public async Task Writes_pass_through()
    {
        await using var app = await PageApp.StartAsync((pages, web) => web.MapPost("/p", () => $"{pages.Next()}").CacheRoute());
        var page = await app.GetAsync("/p", configure: http => http.Request.Method = HttpMethods.Post);

        Assert.Equal("larder; fwd=method", page.CacheStatus);
    }

    [Fact]
    public async Task A_status_of_another_cache_is_kept_and_comes_first()
    {
        var (first, second) = await TwiceAsync(http => http.Response.Headers["Cache-Status"] = "origin; hit");

        Assert.Equal("origin; hit,larder; fwd=uri-miss; fwd-status=200; stored", first.CacheStatus);
        Assert.StartsWith("origin; hit,larder; hit; ttl=", second.CacheStatus, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_status_can_be_switched_off()
    {
        await using var app = await PageApp.StartAsync(
            (pages, web) => web.MapGet("/p", () => $"{pages.Next()}").CacheRoute(),
            services: services => services.Configure<LarderOutputCacheOptions>(options => options.SendCacheStatus = false));

        Assert.Equal("", (await app.GetAsync("/p")).CacheStatus);
        Assert.Equal("1", (await app.GetAsync("/p")).Body);
    }

    [Fact]
    public async Task Another_policy_after_it_replaces_it()
    {
        // As the framework does with any two policies; said in the attribute's documentation.
        await using var app = await PageApp.StartAsync((pages, web) => web.MapGet("/p", () => $"{pages.Next()}").CacheRoute().CacheOutput(policy => policy.NoCache()));

        Assert.Equal("", (await app.GetAsync("/p")).CacheStatus);
        Assert.Equal("2", (await app.GetAsync("/p")).Body);
    }
}
