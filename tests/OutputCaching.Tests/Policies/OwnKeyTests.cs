using Larder.Http;
using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests;

/// <summary>A part of the key that the application works out.</summary>
public class OwnKeyTests
{
    private static Task<PageApp> StartAsync(Action<CacheRouteAttribute> route, Action<IServiceCollection>? services = null) => PageApp.StartAsync(
        (pages, web) => web.MapGet("/t/{tenant}/p", () => $"{pages.Next()}").CacheRoute(route), scope => scope.FromRoute("tenant"), services);

    private static Task<Answer> AskAsync(PageApp app, string? theme, string tenant = "acme", string query = "") =>
        app.GetAsync($"/t/{tenant}/p", query, http => http.Request.Headers["X-Theme"] = theme);

    private static object? Theme(HttpContext http) => http.Request.Headers["X-Theme"].ToString();

    [Fact]
    public async Task Requests_with_different_keys_have_different_pages_within_their_tenant_and_query()
    {
        await using var app = await StartAsync(route => (route.KeyBy, route.Query) = (Theme, ["page"]));
        var bodies = new List<string>();
        foreach (var (theme, tenant, query) in ((string, string, string)[])[("dark", "acme", ""), ("light", "acme", ""), ("dark", "globex", ""), ("dark", "acme", "?page=2")])
        {
            var body = (await AskAsync(app, theme, tenant, query)).Body;
            Assert.Equal(body, (await AskAsync(app, theme, tenant, query)).Body);
            bodies.Add(body);
        }

        Assert.Equal(4, bodies.Distinct().Count());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public async Task A_request_without_key_is_not_cached(string? theme)
    {
        await using var app = await StartAsync(route => route.KeyBy = http => theme);

        Assert.Equal("larder; fwd=bypass; detail=no-key", (await AskAsync(app, "x")).CacheStatus);
        Assert.Equal("2", (await AskAsync(app, "x")).Body);
    }

    [Theory]
    [InlineData("a\u001E", "b\u001E")]
    [InlineData("\0", "\u001F")]
    [InlineData("3:abc", "3:abd")]
    [InlineData(" ", "  ")]
    public async Task Whatever_it_holds_different_keys_stay_different(string first, string second)
    {
        var key = first;
        await using var app = await StartAsync(route => route.KeyBy = _ => key);
        Assert.Equal("1", (await AskAsync(app, null)).Body);
        key = second;
        Assert.Equal("2", (await AskAsync(app, null)).Body);
        key = first;
        Assert.Equal("1", (await AskAsync(app, null)).Body);
    }

    [Fact]
    public async Task Values_of_several_parts_make_keys()
    {
        object key = ("a", 1);
        await using var app = await StartAsync(route => route.KeyBy = _ => key);
        Assert.Equal("1", (await AskAsync(app, null)).Body);
        key = ("a1", "");
        Assert.Equal("2", (await AskAsync(app, null)).Body);
        key = 1;
        Assert.Equal("3", (await AskAsync(app, null)).Body);
        key = "1";
        Assert.Equal("4", (await AskAsync(app, null)).Body);
        key = new { Id = 1 };
        await Assert.ThrowsAsync<ArgumentException>(() => AskAsync(app, null));
    }

    [Fact]
    public async Task The_server_is_not_told_what_it_holds()
    {
        await using var app = await StartAsync(route => route.KeyBy = Theme);
        await AskAsync(app, "secret-session");
        var key = Assert.Single(app.Store.Engine.Memory.Entries.OfType<Engine.ValueEntry<Page>>()).Key;

        Assert.Matches("#[0-9a-f]{64}$", key);
    }

    [Fact]
    public async Task An_attribute_names_a_type_that_is_made_once_from_services()
    {
        await using var app = await PageApp.StartAsync(
            (_, web) => web.MapControllers(),
            services: services => OneController.Add<ThemedController>(services.AddSingleton(new ThemeNames("X-Theme"))));
        async Task<Answer> GetAsync(string theme) => await app.GetAsync("/themed", configure: http => http.Request.Headers["X-Theme"] = theme);

        var dark = await GetAsync("dark");
        Assert.NotEqual(dark.Body, (await GetAsync("light")).Body);
        Assert.Equal(dark.Body, (await GetAsync("dark")).Body);
        Assert.Equal("larder; fwd=bypass; detail=no-key", (await GetAsync("")).CacheStatus);
    }

    [Fact]
    public async Task What_cannot_be_made_or_is_said_twice_is_refused_at_start()
    {
        var missing = await Assert.ThrowsAsync<InvalidOperationException>(() => StartAsync(route => route.KeyType = typeof(ThemeKey)));
        var twice = await Assert.ThrowsAsync<InvalidOperationException>(() => StartAsync(
            route => (route.KeyBy, route.KeyType) = (Theme, typeof(ThemeKey)), services => services.AddSingleton(new ThemeNames("X-Theme"))));

        Assert.Contains(nameof(ThemeNames), missing.Message, StringComparison.Ordinal);
        Assert.Contains("both KeyBy and the KeyType", twice.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(typeof(string))]
    [InlineData(typeof(ICacheRouteKey))]
    [InlineData(typeof(List<>))]
    public void A_type_that_makes_no_keys_is_refused(Type type)
    {
        var exception = Assert.Throws<ArgumentException>(() => new CacheRouteAttribute { KeyType = type });
        Assert.Contains(type.ToString(), exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Requests_at_once_with_different_keys_do_not_wait_for_each_other()
    {
        var entered = 0;
        using var gate = new SemaphoreSlim(0);
        await using var app = await PageApp.StartAsync((_, web) => web.MapGet("/p", async (HttpContext http) =>
        {
            Interlocked.Increment(ref entered);
            await gate.WaitAsync();
            return http.Request.Headers["X-Theme"].ToString();
        }).CacheRoute(route => route.KeyBy = Theme));
        var requests = ((string[])["dark\u001E", "light\u001E"]).Select(theme => app.GetAsync("/p", configure: http => http.Request.Headers["X-Theme"] = theme)).ToArray();
        await Poll.UntilAsync(() => Volatile.Read(ref entered) == 2, "both run");
        gate.Release(2);

        Assert.Equal(["dark\u001E", "light\u001E"], (await Task.WhenAll(requests)).Select(answer => answer.Body));
    }
}

public sealed record ThemeNames(string Header);

public sealed class ThemeKey(ThemeNames names) : ICacheRouteKey
{
    public object? GetKey(HttpContext context) => context.Request.Headers[names.Header].ToString();
}

[ApiController]
public sealed class ThemedController : ControllerBase
{
    private static int _served;

    [HttpGet("themed")]
    [CacheRoute(KeyType = typeof(ThemeKey))]
    public int Themed() => Interlocked.Increment(ref _served);
}
