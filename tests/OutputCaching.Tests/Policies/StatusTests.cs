using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests;

/// <summary>Statuses besides 200 that a route caches.</summary>
public class StatusTests : IAsyncLifetime
{
    private readonly PageBackend _backend = new(null);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _backend.DisposeAsync();

    private Task<PageApp> StartAsync(Func<PageApp, HttpContext, Task> answer, Action<CacheRouteAttribute> route) => _backend.StartAsync(
        (pages, web) => web.MapGet("/p", (HttpContext http) => answer(pages, http)).CacheRoute(route));

    private async Task AssertKeptForAsync(PageApp app, int seconds, Action<Answer> check)
    {
        check(await app.GetAsync("/p"));
        await _backend.AdvanceAsync(TimeSpan.FromSeconds(seconds - 1));
        var hit = await app.GetAsync("/p");
        Assert.True(hit.IsHit, hit.CacheStatus);
        check(hit);
        await _backend.AdvanceAsync(TimeSpan.FromSeconds(1));
        Assert.False((await app.GetAsync("/p")).IsHit);
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(308)]
    public async Task A_redirect_without_body_is_kept_with_its_location(int status)
    {
        var app = await StartAsync(
            (_, http) =>
            {
                http.Response.StatusCode = status;
                http.Response.Headers.Location = "/elsewhere";
                return Task.CompletedTask;
            },
            route => route.Statuses = [$"{status}=30"]);

        await AssertKeptForAsync(app, 30, page => Assert.Equal((status, "/elsewhere", ""), (page.Status, page.Headers.Location.ToString(), page.Body)));
    }

    [Theory]
    [InlineData(410, 30)]
    [InlineData(404, 7)]
    public async Task A_status_of_its_own_wins_over_that_of_what_is_missing(int status, int seconds)
    {
        var app = await StartAsync(
            async (_, http) =>
            {
                http.Response.StatusCode = status;
                await http.Response.WriteAsync("gone");
            },
            route =>
            {
                route.NotFound = 7;
                route.Status(410, TimeSpan.FromSeconds(30));
            });

        await AssertKeptForAsync(app, seconds, page => Assert.Equal((status, "gone"), (page.Status, page.Body)));
    }

    [Fact]
    public async Task The_last_status_counts_and_is_the_one_of_the_hit_although_the_body_has_begun()
    {
        var app = await StartAsync(
            async (_, http) =>
            {
                // Runs when the first byte is sent, after the middleware has noted the status.
                http.Response.OnStarting(() =>
                {
                    http.Response.StatusCode = 410;
                    return Task.CompletedTask;
                });
                await http.Response.WriteAsync("gone");
            },
            route => route.Status(410, TimeSpan.FromSeconds(7)));

        await AssertKeptForAsync(app, 7, page => Assert.Equal((410, "gone"), (page.Status, page.Body)));
    }

    [Fact]
    public async Task A_time_of_zero_takes_a_status_out()
    {
        var app = await StartAsync(
            (_, http) =>
            {
                http.Response.StatusCode = 404;
                return Task.CompletedTask;
            },
            route => (route.NotFound, route.Statuses) = (60, ["404=0"]));

        Assert.EndsWith("detail=status", (await app.GetAsync("/p")).CacheStatus, StringComparison.Ordinal);
        Assert.False((await app.GetAsync("/p")).IsHit);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(302)]
    public async Task A_status_that_is_not_listed_is_not_stored(int status)
    {
        var app = await StartAsync(
            async (pages, http) =>
            {
                http.Response.StatusCode = status;
                await http.Response.WriteAsync($"{pages.Next()}");
            },
            route => route.Statuses = ["301=60", "400=60"]);
        await app.GetAsync("/p");

        Assert.Equal((status, "2"), (await app.GetAsync("/p")) switch { var page => (page.Status, page.Body) });
    }

    [Fact]
    public async Task An_action_lists_statuses_in_its_attribute()
    {
        await using var app = await PageApp.StartAsync((_, web) => web.MapControllers(), services: OneController.Add<MovedController>);
        await app.GetAsync("/moved/1");
        var hit = await app.GetAsync("/moved/1");

        Assert.True(hit.IsHit);
        Assert.Equal((301, "/products/1"), (hit.Status, hit.Headers.Location.ToString()));
        Assert.Matches("ttl=(3599|3600)$", hit.CacheStatus);
    }

    [Theory]
    [InlineData(100, "no final answer")]
    [InlineData(200, "Duration")]
    [InlineData(206, "Range")]
    [InlineData(304, "copy that one client has")]
    [InlineData(401, "credentials")]
    [InlineData(416, "Range")]
    [InlineData(429, "one client's way of asking")]
    [InlineData(500, "StaleIfError")]
    [InlineData(503, "StaleIfError")]
    [InlineData(99, "100 to 599")]
    [InlineData(600, "100 to 599")]
    public void A_status_that_is_not_for_others_is_refused_with_the_reason(int status, string reason)
    {
        var listed = Assert.ThrowsAny<ArgumentException>(() => new CacheRouteAttribute { Statuses = [$"{status}=60"] });
        var called = Assert.ThrowsAny<ArgumentException>(() => new CacheRouteAttribute().Status(status, TimeSpan.FromMinutes(1)));

        Assert.All([listed, called], exception => Assert.Contains($"The status {status} cannot be cached", exception.Message, StringComparison.Ordinal));
        Assert.All([listed, called], exception => Assert.Contains(reason, exception.Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("301")]
    [InlineData("301=")]
    [InlineData("301=-1")]
    [InlineData("301=1=2")]
    [InlineData("moved=60")]
    [InlineData("301=00:01:00")]
    [InlineData("301=99999999999")]
    public void What_is_no_status_with_its_seconds_is_refused_and_quoted(string text)
    {
        var exception = Assert.ThrowsAny<ArgumentException>(() => new CacheRouteAttribute { Statuses = ["410=5", text] });
        Assert.Contains($"'{text}'", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Statuses_are_read_back_as_they_were_written()
    {
        var route = new CacheRouteAttribute { Statuses = ["410=60", " 301 = 3600 "] };
        route.Status(302, TimeSpan.FromMilliseconds(500));
        Assert.Equal(["301=3600", "302=0.5", "410=60"], route.Statuses);
        Assert.ThrowsAny<ArgumentException>(() => new CacheRouteAttribute { Statuses = ["301=1", "301=2"] });
        Assert.Throws<ArgumentOutOfRangeException>(() => route.Status(301, TimeSpan.FromSeconds(-1)));
    }
}

[ApiController]
public sealed class MovedController : ControllerBase
{
    [HttpGet("moved/{id:int}")]
    [CacheRoute(Statuses = ["301=3600"])]
    public IActionResult Moved(int id) => RedirectPermanent($"/products/{id}");
}
