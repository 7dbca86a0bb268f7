using System.Security.Claims;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Larder.Tests;

/// <summary>Tags that hold claims of the user.</summary>
public class ClaimTagTests
{
    private static Task<PageApp> StartAsync(Action<CacheRouteAttribute> route) => PageApp.StartAsync((pages, web) => web.MapGet("/p/{id}", () => $"{pages.Next()}").CacheRoute(route));

    private static Action<HttpContext> As(params (string Type, string Value)[] claims) => http =>
        http.User = new ClaimsPrincipal(new ClaimsIdentity(claims.Select(claim => new Claim(claim.Type, claim.Value)), "test"));

    [Fact]
    public async Task A_users_pages_are_dropped_by_the_tag_of_the_user()
    {
        await using var app = await StartAsync(route => (route.VaryByUser, route.Tags) = (true, ["user:{claim:sub}", "user:{claim:sub}:{id}"]));
        foreach (var user in (string[])["alice", "bob"])
        {
            await app.GetAsync("/p/1", configure: As(("sub", user)));
            await app.GetAsync("/p/2", configure: As(("sub", user)));
        }

        async Task<bool> IsHitAsync(string path, string user) => (await app.GetAsync(path, configure: As(("sub", user)))).IsHit;
        await app.Cache.RemoveByTagAsync("user:alice:2");
        Assert.True(await IsHitAsync("/p/1", "alice"));
        Assert.False(await IsHitAsync("/p/2", "alice"));
        await app.Cache.RemoveByTagAsync("user:alice");
        Assert.False(await IsHitAsync("/p/1", "alice"));
        Assert.False(await IsHitAsync("/p/2", "alice"));
        Assert.True(await IsHitAsync("/p/1", "bob"));
        Assert.True(await IsHitAsync("/p/2", "bob"));
    }

    [Theory]
    [InlineData("role:a")]
    [InlineData("role:b")]
    public async Task Each_value_of_a_claim_gives_a_tag(string dropped)
    {
        await using var app = await StartAsync(route => (route.VaryByClaims, route.Tags) = (["role"], ["role:{claim:role}"]));
        await app.GetAsync("/p/1", configure: As(("role", "a"), ("role", "b")));
        await app.GetAsync("/p/1", configure: As(("role", "c")));
        await app.Cache.RemoveByTagAsync(dropped);

        Assert.False((await app.GetAsync("/p/1", configure: As(("role", "a"), ("role", "b")))).IsHit);
        Assert.True((await app.GetAsync("/p/1", configure: As(("role", "c")))).IsHit);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_page_that_users_share_cannot_carry_the_tag_of_one_of_them(bool byOtherClaim)
    {
        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => StartAsync(route =>
            (route.VaryByClaims, route.Tags) = (byOtherClaim ? ["role"] : [], ["user:{claim:sub}"])));

        Assert.Contains("'user:{claim:sub}'", exception.Message, StringComparison.Ordinal);
        Assert.Contains("VaryByUser", exception.Message, StringComparison.Ordinal);
        Assert.Contains("/p/{id}", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a\u001Eb")]
    [InlineData("a\u001Fb")]
    [InlineData("a\0")]
    [InlineData("a\r\nX-Evil: 1")]
    [InlineData("\u0085")]
    public async Task A_claim_with_control_characters_makes_no_tag_and_the_page_is_not_cached(string value)
    {
        await using var app = await StartAsync(route => (route.VaryByClaims, route.Tags) = (["tid"], ["t:{claim:tid}"]));
        for (var i = 0; i < 2; i++)
        {
            var page = await app.GetAsync("/p/1", configure: As(("tid", value)));
            Assert.Equal((200, "larder; fwd=bypass; detail=no-tag-value"), (page.Status, page.CacheStatus));
        }
    }

    [Theory]
    [InlineData("a:b", "c", "a", "b:c")]
    [InlineData("{claim:sub}", "x", "x", "{claim:sub}")]
    [InlineData("*", "*", "**", "x")]
    public async Task Users_whose_tags_read_the_same_do_not_share_pages(string firstRole, string firstTeam, string secondRole, string secondTeam)
    {
        await using var app = await StartAsync(route => (route.VaryByClaims, route.Tags) = (["role", "team"], ["{claim:role}:{claim:team}"]));
        var first = As(("role", firstRole), ("team", firstTeam));
        var second = As(("role", secondRole), ("team", secondTeam));

        Assert.Equal("1", (await app.GetAsync("/p/1", configure: first)).Body);
        Assert.Equal("2", (await app.GetAsync("/p/1", configure: second)).Body);
        await app.Cache.RemoveByTagAsync($"{firstRole}:{firstTeam}");
        Assert.Equal("3", (await app.GetAsync("/p/1", configure: first)).Body);
    }

    [Fact]
    public async Task A_user_who_lacks_the_claim_or_has_it_too_often_is_not_cached()
    {
        await using var app = await StartAsync(route => (route.VaryByUser, route.Tags) = (true, ["t:{claim:tid}", "r:{claim:role}"]));
        async Task<string> AskAsync(params (string, string)[] claims) => (await app.GetAsync("/p/1", configure: As([("sub", "alice"), ("tid", "1"), .. claims]))).CacheStatus;

        Assert.Equal("larder; fwd=bypass; detail=no-tag-value", await AskAsync());
        Assert.Equal("larder; fwd=bypass; detail=no-tag-value", await AskAsync([.. Enumerable.Range(0, 65).Select(i => ("role", $"{i}"))]));
        Assert.EndsWith("stored", await AskAsync([.. Enumerable.Range(0, 64).Select(i => ("role", $"{i}"))]), StringComparison.Ordinal);
    }
}
