using System.Security.Claims;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Larder.Tests;

/// <summary>Which pages are served ahead of the framework's middleware, and that all else is left to it.</summary>
public sealed class PageHitTests
{
    private readonly TestLog _log = new();

    // What the framework's middleware logs for each page that it serves.
    private int ByFramework => _log.Find("Serving response from cache").Length + _log.Find("The content requested has not been modified").Length;

    private Task<PageApp> StartAsync(
        Action<PageApp, WebApplication> map, Action<IServiceCollection>? services = null, Action<WebApplication>? pipeline = null, Action<ILarderBuilder>? configure = null, Action<HttpScopeBuilder>? scope = null) =>
        PageApp.StartAsync(
            map,
            scope,
            collection =>
            {
                collection.AddLogging(logging => logging.AddProvider(new TestLogProvider(_log)));
                services?.Invoke(collection);
            },
            pipeline ?? (web => (scope is null ? web : web.UseLarderScope()).UseLarderOutputCache()),
            configure);

    private Task<PageApp> StartAsync(Action<CacheRouteAttribute>? route = null, Action<IServiceCollection>? services = null, Action<WebApplication>? pipeline = null) =>
        StartAsync((pages, web) => web.MapGet("/p", (HttpContext http) => $"{pages.Next()} {http.Request.Headers["X-Lang"]}").CacheRoute(route), services, pipeline);

    [Fact]
    public async Task A_page_in_memory_is_served_ahead()
    {
        await using var app = await StartAsync();
        var first = await app.GetAsync("/p");
        var second = await app.GetAsync("/p");

        Assert.Equal((first.Body, true, 0), (second.Body, second.IsHit, ByFramework));
        Assert.Equal(first.Headers.ETag.ToString(), second.Headers.ETag.ToString());
    }

    [Fact]
    public async Task The_frameworks_call_alone_has_it_serve_all_pages()
    {
        await using var app = await StartAsync(pipeline: web => web.UseOutputCache());
        await app.GetAsync("/p");

        Assert.True((await app.GetAsync("/p")).IsHit);
        Assert.Equal(1, ByFramework);
    }

    [Theory]
    [InlineData("If-None-Match", "*", 304)]
    [InlineData("If-None-Match", "\"other\"", 200)]
    [InlineData("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT", 304)]
    public async Task A_client_that_has_a_copy_is_answered_by_the_framework(string header, string value, int status)
    {
        await using var app = await StartAsync();
        await app.GetAsync("/p");
        var again = await app.GetAsync("/p", configure: http => http.Request.Headers[header] = value);

        Assert.Equal((status, true, 1), (again.Status, again.IsHit, ByFramework));
    }

    [Fact]
    public async Task Base_policies_of_the_application_are_asked_by_the_framework()
    {
        await using var app = await StartAsync(services: services => services.Configure<OutputCacheOptions>(options =>
            options.AddBasePolicy(policy => policy.VaryByValue(http => new KeyValuePair<string, string>("lang", http.Request.Headers["X-Lang"].ToString())))));
        Task<Answer> AskAsync(string lang) => app.GetAsync("/p", configure: http => http.Request.Headers["X-Lang"] = lang);

        Assert.Equal("1 de", (await AskAsync("de")).Body);
        Assert.Equal("2 fr", (await AskAsync("fr")).Body);
        Assert.Equal(("1 de", true, 1), (await AskAsync("de")) switch { var page => (page.Body, page.IsHit, ByFramework) });
    }

    [Fact]
    public async Task A_base_policy_that_is_added_while_the_application_runs_is_seen()
    {
        await using var app = await StartAsync();
        await app.GetAsync("/p");
        Assert.True((await app.GetAsync("/p")).IsHit);

        app.Services.GetRequiredService<Microsoft.Extensions.Options.IOptions<OutputCacheOptions>>().Value.AddBasePolicy(policy => policy.VaryByValue(_ => new("k", "v")), excludeDefaultPolicy: true);

        Assert.False((await app.GetAsync("/p")).IsHit);
    }

    [Fact]
    public async Task Of_several_policies_of_an_endpoint_the_last_counts_as_in_the_framework()
    {
        await using var app = await StartAsync((pages, web) =>
        {
            web.MapGet("/larder", () => $"{pages.Next()}").CacheOutput(policy => policy.NoCache()).CacheRoute();
            web.MapGet("/framework", () => $"{pages.Next()}").CacheRoute().CacheOutput(policy => policy.NoCache());
        });
        await app.GetAsync("/larder");
        Assert.True((await app.GetAsync("/larder")).IsHit);

        await app.GetAsync("/framework");
        Assert.Equal(("3", ""), (await app.GetAsync("/framework")) switch { var page => (page.Body, page.CacheStatus) });
        Assert.Equal(0, ByFramework);
    }

    [Fact]
    public async Task An_endpoint_that_has_the_frameworks_attribute_too_is_left_to_it()
    {
        // It is asked last and may forbid what the route allows: users are never served by it.
        await using var app = await StartAsync(
            (pages, web) => web.MapGet("/p", () => $"{pages.Next()}").CacheRoute(route => route.VaryByUser = true),
            pipeline: web => web.Use((http, next) =>
            {
                http.User = new ClaimsPrincipal(new ClaimsIdentity([new Claim("sub", "alice")], "test"));
                if (http.Request.Headers.ContainsKey("X-Beside") && http.GetEndpoint() is { } endpoint)
                {
                    http.SetEndpoint(new Endpoint(endpoint.RequestDelegate, new EndpointMetadataCollection([.. endpoint.Metadata, new OutputCacheAttribute { NoStore = true }]), "beside"));
                }

                return next(http);
            }).UseLarderOutputCache());
        await app.GetAsync("/p");
        Assert.Equal("1", (await app.GetAsync("/p")).Body);

        Assert.Equal("2", (await app.GetAsync("/p", configure: http => http.Request.Headers["X-Beside"] = "1")).Body);
    }

    [Fact]
    public async Task An_error_page_from_the_cache_says_only_what_is_true_of_itself()
    {
        await using var app = await StartAsync(
            (pages, web) =>
            {
                web.MapGet("/p", (HttpContext http) =>
                {
                    http.Response.StatusCode = 404;
                    return Task.CompletedTask;
                }).CacheRoute();
                web.MapGet("/error", () => $"{pages.Next()}").CacheRoute(route => route.NotFound = 60);
            },
            pipeline: web => web.UseStatusCodePagesWithReExecute("/error").UseRouting().UseLarderOutputCache());
        await app.GetAsync("/p");
        var second = await app.GetAsync("/p");

        Assert.Equal((404, "1", "larder; hit; ttl=60"), (second.Status, second.Body, second.CacheStatus));
    }

    [Fact]
    public async Task A_response_that_has_begun_fails_as_in_the_framework()
    {
        async Task<Exception?> FailAsync(Action<IApplicationBuilder> cache)
        {
            await using var app = await StartAsync(pipeline: web => cache(web.Use(async (http, next) =>
            {
                if (http.Request.Headers.ContainsKey("X-Begin"))
                {
                    await http.Response.WriteAsync("begun");
                }

                await next(http);
            })));
            await app.GetAsync("/p");
            return await Record.ExceptionAsync(() => app.GetAsync("/p", configure: http => http.Request.Headers["X-Begin"] = "1"));
        }

        var (framework, ahead) = (await FailAsync(web => web.UseOutputCache()), await FailAsync(web => web.UseLarderOutputCache()));
        Assert.NotNull(framework);
        Assert.Equal((framework.GetType(), framework.Message), (ahead?.GetType(), ahead?.Message));
    }

    [Fact]
    public async Task What_can_only_be_read_by_the_framework_is_served_by_it()
    {
        await using var app = await StartAsync((pages, web) => web.MapGet("/p", (HttpContext http) =>
        {
            http.Response.Headers["X-Long"] = new string('x', 5_000);
            return $"{pages.Next()}";
        }).CacheRoute(), configure: larder => larder.Services.AddLarder(options => options.Statistics = true));
        await app.GetAsync("/p");
        var again = await app.GetAsync("/p");

        Assert.Equal(("1", true, 1), (again.Body, again.IsHit, ByFramework));
        Assert.Equal((1, 1), Counted(app));
    }

    // Hits and misses.
    private static (long, long) Counted(PageApp app) => app.Services.GetRequiredService<ICacheAdmin>().GetStatistics().Total switch { var all => (all.Hits, all.Misses) };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Each_request_is_counted_once(bool isAhead)
    {
        await using var app = await StartAsync(
            (pages, web) => web.MapGet("/p", () => $"{pages.Next()}").CacheRoute(),
            pipeline: web => _ = isAhead ? web.UseLarderOutputCache() : web.UseOutputCache(),
            configure: larder => larder.Services.AddLarder(options => options.Statistics = true));
        await app.GetAsync("/p");
        Assert.Equal((0, 1), Counted(app));
        await app.GetAsync("/p");
        await app.GetAsync("/p", configure: http => http.Request.Headers.IfNoneMatch = "*");
        await app.GetAsync("/p", configure: http => http.Request.Headers.Authorization = "Basic x");

        Assert.Equal((2, 1), Counted(app));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_application_is_asked_for_its_part_of_the_key_once_a_request(bool isAhead)
    {
        var asked = 0;
        await using var app = await StartAsync(
            route => route.KeyBy = http =>
            {
                asked++;
                return http.Request.Headers["X-Lang"].ToString();
            },
            pipeline: web => _ = isAhead ? web.UseLarderOutputCache() : web.UseOutputCache());
        for (var i = 1; i <= 3; i++)
        {
            // Twice without, which is a bypass.
            await app.GetAsync("/p", configure: http => http.Request.Headers["X-Lang"] = "de");
            await app.GetAsync("/p");
            Assert.Equal(2 * i, asked);
        }
    }

    [Fact]
    public async Task Without_Cache_Status_a_hit_has_its_age_all_the_same()
    {
        await using var app = await StartAsync(
            (pages, web) => web.MapGet("/p", () => $"{pages.Next()}").CacheRoute(), configure: larder => larder.AddOutputCaching(options => options.SendCacheStatus = false));
        await app.GetAsync("/p");
        var hit = await app.GetAsync("/p");

        Assert.Equal(("1", "", "0", 0), (hit.Body, hit.CacheStatus, hit.Headers.Age.ToString(), ByFramework));
    }

    [Fact]
    public async Task Another_middleware_adds_to_the_headers_when_the_response_starts()
    {
        await using var app = await StartAsync(pipeline: web => web.Use((http, next) =>
        {
            http.Response.Headers["Cache-Status"] = "before";
            http.Response.OnStarting(() =>
            {
                http.Response.Headers.Append("Cache-Status", "after");
                return Task.CompletedTask;
            });
            return next(http);
        }).UseLarderOutputCache());
        await app.GetAsync("/p");

        // Stored with the page was what came before.
        Assert.Equal("before,larder; hit; ttl=60,after", (await app.GetAsync("/p")).CacheStatus);
    }

    [Fact]
    public async Task A_missing_tenant_is_refused_although_a_page_without_one_is_in_memory()
    {
        var isRequired = false;
        await using var app = await StartAsync(
            (pages, web) => web.MapGet("/p", () => $"{pages.Next()}").CacheRoute(),
            scope: scope => scope.FromHeader("X-Tenant"),
            pipeline: web => web.UseLarderScope().Use((http, next) =>
            {
                if (isRequired && http.GetEndpoint() is { } endpoint)
                {
                    http.SetEndpoint(new Endpoint(endpoint.RequestDelegate, new EndpointMetadataCollection([.. endpoint.Metadata, new RequireTenantAttribute()]), "required"));
                }

                return next(http);
            }).UseLarderOutputCache());
        await app.GetAsync("/p");
        Assert.True((await app.GetAsync("/p")).IsHit);
        isRequired = true;

        Assert.Equal("larder; fwd=bypass; detail=no-tenant", (await app.GetAsync("/p")).CacheStatus);
    }

    [Fact]
    public async Task It_needs_its_services()
    {
        await using var app = WebApplication.CreateSlimBuilder().Build();

        Assert.Contains("AddOutputCaching()", Assert.Throws<InvalidOperationException>(() => app.UseLarderOutputCache()).Message, StringComparison.Ordinal);
    }
}
