using System.Net;
using Larder.Dashboard;
using Microsoft.AspNetCore.Builder;
using Xunit;

namespace Larder.Tests;

/// <summary>How the page and its files are sent.</summary>
public sealed class PageTests
{
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

    private static void Open(WebApplication app) => app.MapLarderDashboard().AllowAnonymous();

    [Fact]
    public async Task Everything_has_the_headers_that_bind_the_browser()
    {
        await using var app = await DashboardApp.StartAsync(Open);
        foreach (var path in (string[])["/larder/", $"/larder/assets/{DashboardAssets.Version}/dashboard.js", $"/larder/assets/{DashboardAssets.Version}/dashboard.css", "/larder/token", "/larder/events"])
        {
            using var response = await app.SendAsync(HttpMethod.Get, path);

            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal(Policy, Assert.Single(response.Headers.GetValues("Content-Security-Policy")));
            Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));
            Assert.Equal("no-referrer", Assert.Single(response.Headers.GetValues("Referrer-Policy")));
        }
    }

    [Theory]
    [InlineData("", "no-cache", "text/html; charset=utf-8")]
    [InlineData("assets/{version}/dashboard.js", "max-age=31536000, private, immutable", "text/javascript; charset=utf-8")]
    [InlineData("assets/{version}/dashboard.css", "max-age=31536000, private, immutable", "text/css; charset=utf-8")]
    public async Task A_file_has_an_etag_and_is_not_sent_again(string path, string cacheControl, string contentType)
    {
        await using var app = await DashboardApp.StartAsync(Open);
        path = "/larder/" + path.Replace("{version}", DashboardAssets.Version, StringComparison.Ordinal);
        using var response = await app.SendAsync(HttpMethod.Get, path);
        var etag = response.Headers.ETag!.ToString();

        Assert.Equal(contentType, response.Content.Headers.ContentType!.ToString());
        Assert.Equal(cacheControl.Split(", ").Order(), response.Headers.CacheControl!.ToString().Split(", ").Order());
        using var again = await app.SendAsync(HttpMethod.Get, path, null, ("If-None-Match", $"\"other\", {etag}"));
        Assert.Equal(HttpStatusCode.NotModified, again.StatusCode);
        Assert.Empty(await again.Content.ReadAsByteArrayAsync());
        using var other = await app.SendAsync(HttpMethod.Get, path, null, ("If-None-Match", "\"other\""));
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
    }

    [Theory]
    [InlineData("/larder/assets/{version}/index.html")]
    [InlineData("/larder/assets/{version}/nothing.js")]
    [InlineData("/larder/assets/old/dashboard.js")]
    [InlineData("/larder/assets/{version}/..%2Fdashboard.js")]
    public async Task What_is_no_file_of_this_version_is_not_found(string path)
    {
        await using var app = await DashboardApp.StartAsync(Open);
        using var response = await app.SendAsync(HttpMethod.Get, path.Replace("{version}", DashboardAssets.Version, StringComparison.Ordinal));

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task The_page_works_wherever_it_is_mapped_and_below_whatever_a_proxy_puts_in_front()
    {
        await using var app = await DashboardApp.StartAsync(web => web.MapLarderDashboard("/internal/cache state").AllowAnonymous(), pipeline: web => web.UsePathBase("/base"));

        // The client resolves the address relative to the one it asked for.
        using var response = await app.SendAsync(HttpMethod.Get, "/base/internal/cache%20state");
        var html = await response.Content.ReadAsStringAsync();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("/base/internal/cache%20state/", response.RequestMessage!.RequestUri!.AbsolutePath);
        Assert.Contains($"src=\"assets/{DashboardAssets.Version}/dashboard.js\"", html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_page_works_at_the_root_of_an_application_below_a_path()
    {
        await using var app = await DashboardApp.StartAsync(web => web.MapLarderDashboard("/").AllowAnonymous(), pipeline: web => web.UsePathBase("/base"));

        // Below its path the application is asked for nothing at all.
        using var response = await app.SendAsync(HttpMethod.Get, "/base");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("/base/", response.RequestMessage!.RequestUri!.AbsolutePath);
    }

    [Fact]
    public void The_files_read_no_text_as_markup_and_name_no_other_site()
    {
        foreach (var name in (string[])["dashboard.js", "dom.js", "table.js", "chart.js", "load.js", "feed.js", "operations.js", "dashboard.css"])
        {
            var text = System.Text.Encoding.UTF8.GetString(DashboardAssets.Find(name)!.Content);

            Assert.DoesNotMatch("innerHTML|outerHTML|insertAdjacentHTML|document\\.write|eval\\(|new Function|\\.on[a-z]+ =|setAttribute\\('(style|on)", text);
            Assert.DoesNotMatch("https?://(?!www\\.w3\\.org/2000/svg)", text);
        }

        Assert.DoesNotMatch("\\son[a-z]+=|style=|<style|https?://|javascript:", System.Text.Encoding.UTF8.GetString(DashboardAssets.Page.Content));
    }

    [Fact]
    public void Antiforgery_is_required_where_the_page_is_mapped()
    {
        var builder = WebApplication.CreateSlimBuilder();
        Microsoft.Extensions.DependencyInjection.LarderServiceCollectionExtensions.AddLarder(builder.Services);
        var app = builder.Build();

        Assert.Contains("AddAntiforgery()", Assert.Throws<InvalidOperationException>(() => app.MapLarderDashboard()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_option_is_quoted()
    {
        var failure = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => DashboardApp.StartAsync(web => web.MapLarderDashboard(configure: options => options.SampleInterval = TimeSpan.FromMinutes(3))));
        Assert.Contains("SampleInterval is '00:03:00'. It must be from 250 ms to 10 s.", failure.Message, StringComparison.Ordinal);

        failure = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => DashboardApp.StartAsync(web => web.MapLarderDashboard(configure: options => options.MaximumConnections = 0)));
        Assert.Contains("MaximumConnections is '0'", failure.Message, StringComparison.Ordinal);
    }
}
