using System.Globalization;
using System.Security.Claims;
using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using NSubstitute;
using Xunit;

namespace Larder.Tests;

/// <summary>What a route, its response and its endpoint say about a page.</summary>
public class RouteTests : IAsyncLifetime
{
    private readonly PageBackend _backend = new(null);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _backend.DisposeAsync();

    private Task<PageApp> StartAsync(Action<HttpContext> respond, Action<CacheRouteAttribute>? route = null, Action<IServiceCollection>? services = null) => _backend.StartAsync(
        (pages, web) => web.MapGet("/p", async (HttpContext http) =>
        {
            respond(http);
            await http.Response.WriteAsync($"{pages.Next()}");
        }).CacheRoute(attribute =>
        {
            attribute.Duration = 60;
            route?.Invoke(attribute);
        }),
        services: services);

    private async Task<bool> IsKeptForAsync(PageApp app, int seconds)
    {
        await app.GetAsync("/p");
        await _backend.AdvanceAsync(TimeSpan.FromSeconds(seconds - 1));
        if (!(await app.GetAsync("/p")).IsHit)
        {
            return false;
        }

        await _backend.AdvanceAsync(TimeSpan.FromSeconds(1));
        return !(await app.GetAsync("/p")).IsHit;
    }

    [Theory]
    [InlineData(404)]
    [InlineData(410)]
    public async Task What_is_missing_has_a_time_of_its_own_also_when_the_status_is_set_late(int status)
    {
        var app = await StartAsync(http => http.Response.OnStarting(() =>
        {
            // After the middleware has noted how long it thinks it may keep the response.
            http.Response.StatusCode = status;
            return Task.CompletedTask;
        }), route => route.NotFound = 7);

        Assert.True(await IsKeptForAsync(app, 7));
    }

    [Theory]
    [InlineData("max-age=20", "", 20)]
    [InlineData("public, max-age=20, s-maxage=\"7\"", "", 7)]
    [InlineData("max-age=7, max-age=20", "", 7)]
    [InlineData("max-age=20, s-maxage=20, s-maxage=7", "", 7)]
    [InlineData("", "30", 30)]
    [InlineData("max-age=20", "30", 20)]
    [InlineData("immutable", "", 60)]
    public async Task The_response_says_how_long(string cacheControl, string expires, int seconds)
    {
        var app = await StartAsync(http =>
        {
            http.Response.Headers.CacheControl = cacheControl;
            if (expires.Length > 0)
            {
                http.Response.Headers.Expires = _backend.Clock.GetUtcNow().AddSeconds(int.Parse(expires, CultureInfo.InvariantCulture)).ToString("r");
            }
        });

        Assert.True(await IsKeptForAsync(app, seconds));
    }

    [Theory]
    [InlineData("max-age=0", "")]
    [InlineData("max-age=nonsense", "")]
    [InlineData("no-cache", "")]
    [InlineData("", "0")]
    [InlineData("", "Thu, 01 Jan 1970 00:00:00 GMT")]
    public async Task A_response_without_freshness_is_not_stored(string cacheControl, string expires)
    {
        var app = await StartAsync(http => (http.Response.Headers.CacheControl, http.Response.Headers.Expires) = (cacheControl, expires));

        Assert.EndsWith("detail=cache-control", (await app.GetAsync("/p")).CacheStatus, StringComparison.Ordinal);
        Assert.Equal("2", (await app.GetAsync("/p")).Body);
    }

    [Theory]
    [InlineData("stale-while-revalidate=30", true)]
    [InlineData("must-revalidate, stale-while-revalidate=30", false)]
    public async Task The_response_says_whether_it_may_be_served_stale(string cacheControl, bool isStale)
    {
        var run = 0;
        using var gate = new SemaphoreSlim(0);
        var app = await _backend.StartAsync((_, web) => web.MapGet("/p", async (HttpContext http) =>
        {
            http.Response.Headers.CacheControl = cacheControl;
            if (Interlocked.Increment(ref run) == 2)
            {
                await gate.WaitAsync();
            }

            await http.Response.WriteAsync($"{run}");
        }).CacheRoute(route => (route.Duration, route.StaleWhileRevalidate) = (60, 100)));
        await app.GetAsync("/p");
        await _backend.AdvanceAsync(TimeSpan.FromSeconds(65));
        var second = app.GetAsync("/p");
        await Poll.UntilAsync(() => Volatile.Read(ref run) == 2, "the page is computed anew");
        var third = app.GetAsync("/p");
        if (!isStale)
        {
            await app.UntilWaitingAsync(1);
        }
        else
        {
            Assert.Equal("1", (await third).Body);
        }

        gate.Release();
        Assert.Equal("2", (await second).Body);
        Assert.Equal(isStale ? "1" : "2", (await third).Body);
    }

    [Fact]
    public async Task Headers_that_are_listed_are_in_the_key_and_allowed_in_vary()
    {
        var app = await StartAsync(http => http.Response.Headers.Vary = "accept-language", route => route.Headers = ["Accept-Language"]);
        Task<Answer> GetAsync(string language) => app.GetAsync("/p", configure: http => http.Request.Headers.AcceptLanguage = language);

        Assert.Equal("1", (await GetAsync("de")).Body);
        Assert.Equal("2", (await GetAsync("en")).Body);
        Assert.Equal("1", (await GetAsync("de")).Body);
    }

    [Fact]
    public async Task The_endpoint_has_its_say_although_the_body_has_begun()
    {
        var app = await _backend.StartAsync((pages, web) => web.MapGet("/p", async (HttpContext http) =>
        {
            await http.Response.WriteAsync($"{pages.Next()}");
            var page = http.Features.Get<ICacheRouteFeature>()!;
            page.AddTag("late");
            page.AddIndex(new CacheIndex("user", "alice"));
            page.SetExpiration(TimeSpan.FromSeconds(7));
            Assert.Throws<ArgumentException>(() => page.AddTag("*"));
            Assert.Throws<ArgumentOutOfRangeException>(() => page.SetExpiration(TimeSpan.Zero));
        }).CacheRoute());
        var store = app.Services.GetRequiredService<IOutputCacheStore>();

        Assert.True(await IsKeptForAsync(app, 7));
        await app.Cache.RemoveByTagAsync("late");
        Assert.False((await app.GetAsync("/p")).IsHit);
        Assert.Equal(0, await app.Cache.CountByIndexAsync(new CacheIndex("user", "alice")));
        Assert.Equal(1, await store.EvictByIndexAsync(CacheScope.Raw, new CacheIndex("user", "alice")));
        Assert.False((await app.GetAsync("/p")).IsHit);
    }

    [Fact]
    public async Task The_endpoint_may_keep_its_response_from_others()
    {
        var app = await StartAsync(http => http.Features.Get<ICacheRouteFeature>()!.DoNotStore());

        Assert.EndsWith("detail=endpoint", (await app.GetAsync("/p")).CacheStatus, StringComparison.Ordinal);
        Assert.Equal("2", (await app.GetAsync("/p")).Body);
    }

    [Fact]
    public async Task Age_and_etag_are_on_hits_and_304_and_a_missing_page_is_never_not_modified()
    {
        var missing = false;
        var app = await StartAsync(http => http.Response.StatusCode = missing ? 404 : 200, route => route.NotFound = 60);
        var first = await app.GetAsync("/p");
        var etag = first.Headers.ETag.ToString();
        await _backend.AdvanceAsync(TimeSpan.FromSeconds(5));
        var hit = await app.GetAsync("/p");
        var fresh = await app.GetAsync("/p", configure: http => http.Request.Headers.IfNoneMatch = $"\"other\", {etag}");
        var other = await app.GetAsync("/p", configure: http => http.Request.Headers.IfNoneMatch = "\"other\"");

        Assert.Matches("^W/\"[0-9a-f]{16}\"$", etag);
        Assert.Equal(("", etag), (first.Headers.Age.ToString(), hit.Headers.ETag.ToString()));
        Assert.Equal((200, "5"), (hit.Status, hit.Headers.Age.ToString()));
        Assert.Equal((304, "", "5", etag), (fresh.Status, fresh.Body, fresh.Headers.Age.ToString(), fresh.Headers.ETag.ToString()));
        Assert.Equal("larder; hit; ttl=55", fresh.CacheStatus);
        Assert.Equal(200, other.Status);

        missing = true;
        await _backend.AdvanceAsync(TimeSpan.FromMinutes(1));
        await app.GetAsync("/p");
        var star = await app.GetAsync("/p", configure: http => http.Request.Headers.IfNoneMatch = "*");
        var since = await app.GetAsync("/p", configure: http => http.Request.Headers.IfModifiedSince = DateTimeOffset.UtcNow.AddDays(1).ToString("r"));
        Assert.Equal((404, 404, true), (star.Status, since.Status, star.IsHit && since.IsHit));
    }

    [Fact]
    public async Task An_etag_of_the_endpoint_wins_and_one_is_given_only_to_what_is_stored()
    {
        var app = await StartAsync(http => (http.Response.Headers.ETag, http.Response.Headers.SetCookie) = http.Request.Query.ContainsKey("own") ? ("\"own\"", "") : ("", ""));
        Assert.Equal("\"own\"", (await app.GetAsync("/p", "?own=1")).Headers.ETag);
        var unstored = await StartAsync(http => http.Response.Headers.SetCookie = "a=b");
        Assert.Equal("", (await unstored.GetAsync("/p")).Headers.ETag.ToString());
    }

    [Fact]
    public async Task Only_if_cached_is_answered_with_504_where_there_is_no_page()
    {
        var app = await StartAsync(_ => { });
        void OnlyIfCached(HttpContext http) => http.Request.Headers.CacheControl = "only-if-cached";
        Assert.Equal(504, (await app.GetAsync("/p", configure: OnlyIfCached)).Status);
        await app.GetAsync("/p");

        Assert.Equal((200, "1"), (await app.GetAsync("/p", configure: OnlyIfCached)) switch { var answer => (answer.Status, answer.Body) });
    }

    private static Action<HttpContext> As(params string[] claims) => http =>
    {
        http.Request.Headers.Authorization = "Bearer x";
        http.User = new ClaimsPrincipal(new ClaimsIdentity(claims.Select(claim => new Claim(claim.Split('=')[0], claim.Split('=')[1])), "test"));
    };

    [Fact]
    public async Task Users_have_pages_of_their_own_and_nobody_has_none()
    {
        var app = await StartAsync(_ => { }, route => route.VaryByUser = true);

        Assert.Equal("1", (await app.GetAsync("/p", configure: As("sub=alice"))).Body);
        Assert.Equal("2", (await app.GetAsync("/p", configure: As("sub=bob"))).Body);
        Assert.Equal("1", (await app.GetAsync("/p", configure: As("sub=alice", "role=admin"))).Body);
        foreach (var user in new Action<HttpContext>?[] { null, As("name=alice"), As("sub=alice", "sub=bob"), http => http.Request.Headers.Authorization = "Bearer x" })
        {
            Assert.Equal("larder; fwd=bypass; detail=no-user", (await app.GetAsync("/p", configure: user)).CacheStatus);
        }
    }

    [Fact]
    public async Task Users_who_agree_in_their_claims_share_pages()
    {
        var app = await StartAsync(_ => { }, route => route.VaryByClaims = ["role"]);

        Assert.Equal("1", (await app.GetAsync("/p", configure: As("sub=alice", "role=a", "role=b"))).Body);
        Assert.Equal("1", (await app.GetAsync("/p", configure: As("sub=bob", "role=b", "role=a"))).Body);
        Assert.Equal("2", (await app.GetAsync("/p", configure: As("sub=bob", "role=ab"))).Body);
        Assert.Equal("larder; fwd=bypass; detail=no-user", (await app.GetAsync("/p", configure: As("sub=bob"))).CacheStatus);
    }

    [Fact]
    public async Task Large_pages_are_counted_at_their_size()
    {
        var app = await _backend.StartAsync((_, web) => web.MapGet("/{name}", (string name) => name + new string('x', 100_000)).CacheRoute(), options: settings => settings.MaximumMemoryBytes = 1_000_000);
        for (var i = 0; i < 20; i++)
        {
            await app.GetAsync($"/page{i}");
        }

        Assert.InRange(app.Store.Engine.Memory.Count, 1, 10);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Statistics_of_a_scope_count_its_pages_with_its_data(bool areOn)
    {
        var app = await _backend.StartAsync((_, web) => web.MapGet("/{name}", (string name) => name).CacheRoute(), options: settings => settings.Statistics = areOn);
        await app.Cache.SetAsync("data", 1);
        await app.GetAsync("/one");
        await app.GetAsync("/two");
        await app.GetAsync("/two");
        var scope = Assert.Single(app.Services.GetRequiredService<ICacheAdmin>().GetStatistics().Scopes);

        Assert.Equal((CacheScope.Raw, 3, areOn ? 1 : 0), (scope.Scope, scope.Counts.Entries, scope.Counts.MemoryHits));
    }

    [Fact]
    public async Task The_frameworks_own_policies_share_nothing_between_tenants()
    {
        async Task<string[]> ReadAsync(bool scopeFirst)
        {
            await using var app = await PageApp.StartAsync(
                (pages, web) => web.MapGet("/p", () => $"{pages.Next()}").CacheOutput(policy => policy.Tag("p")),
                scope => scope.FromHeader("X-Tenant"),
                pipeline: web => _ = scopeFirst ? web.UseLarderScope().UsePages() : web.UsePages().UseLarderScope());
            var bodies = new List<string>();
            foreach (var tenant in (string[])["acme", "globex", "acme", "globex"])
            {
                bodies.Add((await app.GetAsync("/p", configure: http => http.Request.Headers["X-Tenant"] = tenant)).Body);
            }

            return [.. bodies];
        }

        Assert.Equal(["1", "2", "1", "2"], await ReadAsync(scopeFirst: true));
        Assert.Equal(["1", "2", "3", "4"], await ReadAsync(scopeFirst: false));
    }

    [Fact]
    public async Task Requests_of_two_tenants_at_once_share_nothing_under_the_frameworks_own_policies()
    {
        var entered = 0;
        using var gate = new SemaphoreSlim(0);
        await using var app = await PageApp.StartAsync(
            (_, web) => web.MapGet("/p", async () =>
            {
                Interlocked.Increment(ref entered);
                await gate.WaitAsync();
                return CacheScope.Current.Tenant;
            }).CacheOutput(),
            scope => scope.FromHeader("X-Tenant"));
        var requests = ((string[])["acme", "globex"]).Select(tenant => app.GetAsync("/p", configure: http => http.Request.Headers["X-Tenant"] = tenant)).ToArray();
        await Poll.UntilAsync(() => Volatile.Read(ref entered) == 2, "both run");
        gate.Release(2);

        Assert.Equal(["acme", "globex"], (await Task.WhenAll(requests)).Select(answer => answer.Body));
    }

    [Fact]
    public async Task Endpoints_that_require_a_tenant_do_not_start_without_the_scope()
    {
        var one = await Assert.ThrowsAsync<InvalidOperationException>(() => PageApp.StartAsync(
            (_, web) => web.MapGet("/p", () => "").RequireTenant(), scope => scope.FromRoute("tenant"), pipeline: web => web.UsePages()));
        var all = await Assert.ThrowsAsync<InvalidOperationException>(() => PageApp.StartAsync(
            (_, web) => web.MapGet("/p", () => ""), scope => scope.FromRoute("tenant").RequireTenant(), pipeline: web => web.UsePages()));

        Assert.Contains("app.UseLarderScope()", one.Message, StringComparison.Ordinal);
        Assert.Contains("/p", one.Message, StringComparison.Ordinal);
        Assert.Contains("every endpoint", all.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_store_is_refused_at_start()
    {
        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => PageApp.StartAsync((_, _) => { }, services: services => services.AddSingleton(Substitute.For<IOutputCacheStore>())));
        Assert.Contains("IOutputCacheStore", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_error_page_that_is_cached_too_ends_what_came_before()
    {
        await using var app = await PageApp.StartAsync(
            (pages, web) =>
            {
                web.MapGet("/p", string () => throw new InvalidOperationException("broken")).CacheRoute();
                web.MapGet("/error", () => $"{pages.Next()}").CacheRoute();
            },
            pipeline: web => web.UseExceptionHandler("/error").UseRouting().UsePages());

        Assert.Equal(500, (await app.GetAsync("/p")).Status);
        Assert.Equal(500, (await app.GetAsync("/p")).Status);
    }
}
