using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests;

/// <summary>Endpoints that need a tenant serve nobody else.</summary>
public class RequireTenantTests
{
    private static Task<PageApp> StartAsync(Action<HttpScopeBuilder>? more = null, Action<WebApplication>? pipeline = null) => PageApp.StartAsync(
        (pages, web) =>
        {
            web.MapGet("/plain", () => $"{pages.Next()}").CacheRoute();
            web.MapGet("/required", () => $"{pages.Next()}").CacheRoute().RequireTenant();
            web.MapGet("/hidden", () => $"{pages.Next()}").CacheRoute().RequireTenant(404);
            var group = web.MapGroup("/group").RequireTenant();
            group.MapGet("/open", () => $"{pages.Next()}").WithoutTenant();
            group.MapGet("/closed", [RequireTenant(404)] () => $"{pages.Next()}");
        },
        scope =>
        {
            scope.FromHeader("X-Tenant");
            more?.Invoke(scope);
        },
        pipeline: pipeline);

    [Theory]
    [InlineData("/plain", 200, 400)]
    [InlineData("/required", 400, 400)]
    [InlineData("/hidden", 404, 404)]
    [InlineData("/group/open", 200, 200)]
    [InlineData("/group/closed", 404, 404)]
    [InlineData("/nothing", 404, 404)]
    public async Task A_request_without_tenant(string path, int expected, int whenRequiredForAll)
    {
        await using var app = await StartAsync();
        await using var strict = await StartAsync(scope => scope.RequireTenant());

        Assert.Equal(expected, (await app.GetAsync(path)).Status);
        Assert.Equal(whenRequiredForAll, (await strict.GetAsync(path)).Status);
    }

    [Fact]
    public async Task The_answer_is_a_problem_document_that_no_cache_keeps()
    {
        await using var app = await StartAsync();
        var page = await app.GetAsync("/required");

        Assert.Equal("application/problem+json", page.Headers.ContentType);
        Assert.Equal("no-store", page.Headers.CacheControl);
        Assert.Equal("", page.CacheStatus);
        Assert.Contains("\"title\":\"Unknown tenant\"", page.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tenants_have_pages_of_their_own_and_so_has_nobody()
    {
        await using var app = await StartAsync();
        var bodies = new List<string>();
        foreach (var tenant in (string?[])[null, "acme", "globex", "t", "-", "null"])
        {
            for (var i = 0; i < 2; i++)
            {
                bodies.Add((await app.GetAsync("/plain", configure: http => http.Request.Headers["X-Tenant"] = tenant)).Body);
            }
        }

        Assert.Equal((string[])["1", "1", "2", "2", "3", "3", "4", "4", "5", "5", "6", "6"], bodies);
    }

    [Fact]
    public async Task The_output_cache_before_the_scope_is_an_error_that_says_so()
    {
        // Where it is certain, the application does not start.
        await using var app = await StartAsync(pipeline: web => web.UsePages().UseWhen(_ => true, branch => branch.UseLarderScope()));

        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => app.GetAsync("/plain"));
        Assert.Contains("app.UseLarderScope() before app.UseLarderOutputCache() or app.UseOutputCache()", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_middleware_without_rules_is_an_error_at_start()
    {
        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => PageApp.StartAsync((_, _) => { }, pipeline: web => web.UseLarderScope()));
        Assert.Contains("AddHttpScope", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_scope_that_the_application_sets_itself_counts_and_its_namespace_does_not()
    {
        await using var app = await PageApp.StartAsync(
            (pages, web) => web.MapGet("/p", () => $"{pages.Next()}").CacheRoute(),
            pipeline: web => web.Use(async (context, next) =>
            {
                using (CacheScope.Use(new CacheScope(context.Request.Headers["T"], null, context.Request.Headers["N"])))
                {
                    await next(context);
                }
            }).UsePages());
        Task<Answer> GetAsync(string tenant, string ns) => app.GetAsync("/p", configure: http => (http.Request.Headers["T"], http.Request.Headers["N"]) = (tenant, ns));

        Assert.Equal("1", (await GetAsync("acme", "a")).Body);
        Assert.Equal("1", (await GetAsync("acme", "b")).Body);
        Assert.Equal("2", (await GetAsync("globex", "a")).Body);
    }

    [Theory]
    [InlineData(401)]
    [InlineData(200)]
    public void Other_statuses_are_refused(int status) => Assert.Throws<ArgumentOutOfRangeException>(() => new RequireTenantAttribute(status));
}
