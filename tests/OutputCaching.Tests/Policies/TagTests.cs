using Larder.Http;
using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests;

/// <summary>What drops a page.</summary>
public class TagTests
{
    private static readonly string[] ProductTags = ["product:{id}", "catalog"];

    private static Task<PageApp> StartAsync() => PageApp.StartAsync(
        (pages, web) =>
        {
            web.MapGet("/t/{tenant}/products/{id:int}", () => $"{pages.Next()}").CacheRoute(route => route.Tags = ProductTags);
            web.MapGet("/t/{tenant}/any/{id}", () => $"{pages.Next()}").CacheRoute(route => route.Tags = ["{id}"]);
            web.MapGet("/t/{tenant}/by-query", () => $"{pages.Next()}").CacheRoute(route => (route.Tags, route.Query) = (["page:{page}"], ["page"]));
            web.MapGet("/t/{tenant}/untagged", () => $"{pages.Next()}").CacheRoute();
        },
        scope => scope.FromRoute("tenant"));

    private static async Task RemoveAsync(PageApp app, string tenant, string tag)
    {
        using (CacheScope.Use(new CacheScope(tenant)))
        {
            await app.Cache.RemoveByTagAsync(tag);
        }
    }

    private static async Task<bool> IsKeptAsync(PageApp app, string path, string tenant, string tag)
    {
        await app.GetAsync(path);
        Assert.True((await app.GetAsync(path)).IsHit, path);
        await RemoveAsync(app, tenant, tag);
        return (await app.GetAsync(path)).IsHit;
    }

    [Theory]
    [InlineData("/t/acme/products/7", "product:7", false)]
    [InlineData("/t/acme/products/7", "catalog", false)]
    [InlineData("/t/acme/products/7", "product:8", true)]
    [InlineData("/t/acme/products/007", "product:7", false)]
    [InlineData("/t/acme/products/+7", "product:7", false)]
    [InlineData("/t/acme/any/A b", "A b", false)]
    [InlineData("/t/acme/products/7", "*", false)]
    [InlineData("/t/acme/untagged", "*", false)]
    [InlineData("/t/acme/untagged", "catalog", true)]
    public async Task Removing_a_tag_from_the_data_cache_drops_its_pages(string path, string tag, bool kept)
    {
        await using var app = await StartAsync();

        Assert.Equal(kept, await IsKeptAsync(app, path, "acme", tag));
    }

    [Theory]
    [InlineData("globex")]
    [InlineData("acme:p")]
    [InlineData("")]
    [InlineData("ACME")]
    public async Task A_tag_of_another_tenant_is_another_tag(string other)
    {
        await using var app = await StartAsync();

        Assert.True(await IsKeptAsync(app, "/t/acme/products/7", other, "product:7"));
    }

    [Fact]
    public async Task A_page_for_which_a_value_is_missing_is_not_cached()
    {
        await using var app = await StartAsync();

        Assert.Equal("larder; fwd=bypass; detail=no-tag-value", (await app.GetAsync("/t/acme/by-query")).CacheStatus);
        Assert.Equal("larder; fwd=bypass; detail=no-tag-value", (await app.GetAsync("/t/acme/by-query", "?page=1&page=2")).CacheStatus);
        await app.GetAsync("/t/acme/by-query", "?page=1");
        Assert.True((await app.GetAsync("/t/acme/by-query", "?page=1")).IsHit);
    }

    [Theory]
    [InlineData(" ")]
    [InlineData("*")]
    public async Task A_value_that_makes_no_tag_is_served_without_the_cache(string id)
    {
        await using var app = await StartAsync();
        var page = await app.GetAsync($"/t/acme/any/{id}");

        Assert.Equal((200, "larder; fwd=bypass; detail=no-tag-value"), (page.Status, page.CacheStatus));
    }

    [Fact]
    public async Task A_name_that_the_route_does_not_have_is_refused_at_start()
    {
        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => PageApp.StartAsync(
            (_, web) => web.MapGet("/products/{id}", () => "").CacheRoute(route => route.Tags = ["product:{ide}"])));

        Assert.Contains("/products/{id}", exception.Message, StringComparison.Ordinal);
        Assert.Contains("'product:{ide}' needs 'ide'", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("product:{id")]
    [InlineData("product:id}")]
    [InlineData("product:{}")]
    [InlineData("{a{b}}")]
    [InlineData("user:{claim:}")]
    public void A_tag_with_braces_that_do_not_match_is_refused(string tag) =>
        Assert.Throws<ArgumentException>(() => new CacheRouteAttribute { Tags = [tag] });

    [Fact]
    public void A_negative_duration_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new CacheRouteAttribute { Duration = -1 });

    [Fact]
    public async Task A_page_computed_before_an_invalidation_is_not_served_after_it()
    {
        var version = 1;
        var entered = 0;
        using var gate = new SemaphoreSlim(0);
        await using var app = await PageApp.StartAsync(
            (_, web) => web.MapGet("/t/{tenant}/p", async () =>
            {
                var read = Volatile.Read(ref version);
                if (Interlocked.Increment(ref entered) == 1)
                {
                    await gate.WaitAsync();
                }

                return $"version {read}";
            }).CacheRoute(route => route.Tags = ["p"]),
            scope => scope.FromRoute("tenant"));

        var slow = app.GetAsync("/t/acme/p");
        await Poll.UntilAsync(() => Volatile.Read(ref entered) == 1, "the first request has read version 1");
        Volatile.Write(ref version, 2);
        await RemoveAsync(app, "acme", "p");
        gate.Release();

        Assert.Equal("version 1", (await slow).Body);
        Assert.Equal("version 2", (await app.GetAsync("/t/acme/p")).Body);
        Assert.Equal("version 2", (await app.GetAsync("/t/acme/p")).Body);
    }

    [Fact]
    public async Task The_store_can_be_told_to_drop_a_tenants_pages_alone()
    {
        await using var app = await StartAsync();
        var store = app.Services.GetRequiredService<IOutputCacheStore>();
        await app.GetAsync("/t/acme/products/7");
        await app.GetAsync("/t/globex/products/7");

        await store.EvictByTagAsync(new CacheScope("acme", @namespace: "anything"), "product:7");

        Assert.False((await app.GetAsync("/t/acme/products/7")).IsHit);
        Assert.True((await app.GetAsync("/t/globex/products/7")).IsHit);
        await Assert.ThrowsAsync<ArgumentException>(async () => await store.EvictByTagAsync(CacheScope.Raw, " "));
    }
}
