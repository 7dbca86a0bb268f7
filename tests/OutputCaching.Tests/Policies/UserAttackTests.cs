using System.Security.Claims;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Larder.Tests;

/// <summary>Users whom one look at the request takes for another, or for nobody.</summary>
public class UserAttackTests
{
    private static readonly ClaimsIdentity Nobody = new();

    private static ClaimsIdentity Identity(string scheme, params string[] claims) =>
        new(claims.Select(claim => new Claim(claim.Split('=')[0], claim.Split('=')[1])), scheme);

    private static Action<HttpContext> As(params ClaimsIdentity[] identities) => http => http.User = new ClaimsPrincipal(identities);

    private static Task<PageApp> StartAsync(Action<CacheRouteAttribute> route) =>
        PageApp.StartAsync((pages, web) => web.MapGet("/p", () => $"{pages.Next()}").CacheRoute(route));

    [Fact]
    public async Task A_user_is_one_whichever_of_the_identities_says_so()
    {
        // Middleware of an application's own adds its identity to the one of nobody that is there already, and that stays the first.
        var alice = As(Nobody, Identity("ApiKey", "sub=alice"));
        await using var app = await StartAsync(_ => { });
        await using var forUsers = await StartAsync(route => route.VaryByUser = true);

        Assert.Equal(("1", "larder; fwd=bypass; detail=authenticated"), (await app.GetAsync("/p", configure: alice)) switch { var page => (page.Body, page.CacheStatus) });
        Assert.Equal("2", (await app.GetAsync("/p")).Body);
        Assert.Equal("1", (await forUsers.GetAsync("/p", configure: alice)).Body);
        Assert.Equal("1", (await forUsers.GetAsync("/p", configure: alice)).Body);
        Assert.Equal("2", (await forUsers.GetAsync("/p", configure: As(Nobody, Identity("ApiKey", "sub=bob")))).Body);
    }

    [Fact]
    public async Task A_user_who_becomes_known_late_is_one_whichever_of_the_identities_says_so()
    {
        await using var app = await PageApp.StartAsync(
            (pages, web) => web.MapGet("/p", () => $"{pages.Next()}").CacheRoute(),
            pipeline: web => web.UsePages().Use((http, next) =>
            {
                if (http.Request.Headers.ContainsKey("X-Api-Key"))
                {
                    http.User.AddIdentity(Identity("ApiKey", "sub=alice"));
                }

                return next(http);
            }));

        Assert.Equal("1", (await app.GetAsync("/p", configure: http => http.Request.Headers["X-Api-Key"] = "secret")).Body);
        Assert.Equal("2", (await app.GetAsync("/p")).Body);
    }

    [Fact]
    public async Task Users_of_two_schemes_with_one_number_share_no_page()
    {
        await using var app = await StartAsync(route => route.VaryByUser = true);

        Assert.Equal("1", (await app.GetAsync("/p", configure: As(Identity("Staff", "sub=7")))).Body);
        Assert.Equal("2", (await app.GetAsync("/p", configure: As(Identity("Customers", "sub=7")))).Body);
        Assert.Equal("1", (await app.GetAsync("/p", configure: As(Identity("Staff", "sub=7")))).Body);
    }

    [Fact]
    public async Task Two_users_at_once_are_no_user_also_where_each_has_an_id_of_another_type()
    {
        // A certificate of a gateway beside the token of a person.
        var gateway = Identity("Certificate", $"{ClaimTypes.NameIdentifier}=gateway");
        await using var app = await StartAsync(route => route.VaryByUser = true);

        foreach (var user in (string[])["alice", "bob"])
        {
            Assert.Equal("larder; fwd=bypass; detail=no-user", (await app.GetAsync("/p", configure: As(Identity("Bearer", $"sub={user}"), gateway))).CacheStatus);
        }
    }

    [Fact]
    public async Task One_user_with_both_types_of_id_and_claims_of_another_identity_has_pages()
    {
        var alice = As(Identity("Bearer", "sub=alice", $"{ClaimTypes.NameIdentifier}=1"), Identity("Roles", "role=admin"));
        await using var app = await StartAsync(route => route.VaryByUser = true);

        Assert.Equal("1", (await app.GetAsync("/p", configure: alice)).Body);
        Assert.Equal("1", (await app.GetAsync("/p", configure: alice)).Body);
    }
}
