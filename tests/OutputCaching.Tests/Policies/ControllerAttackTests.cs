using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace Larder.Tests;

/// <summary>The same pairs of requests as in <see cref="KeyAttackTests"/>, on controllers.</summary>
public class ControllerAttackTests
{
    private static Task<PageApp> StartAsync() => PageApp.StartAsync((_, web) => web.MapControllers(), services: OneController.Add<AttackedController>);

    private static Action<HttpContext> Header(string name, params string[] values) => http => http.Request.Headers[name] = new StringValues(values);

    private static void Body(HttpContext http)
    {
        http.Request.Body = new MemoryStream(Encoding.UTF8.GetBytes("evil"));
        http.Request.ContentLength = 4;
    }

    public static TheoryData<string, string, string, string> Pairs => new()
    {
        { "/p", "?Q%3DX=1", "/p", "?Q=X%3D1" },
        { "/p", "?id=1&id=2", "/p", "?id=2&id=1" },
        { "/AbC", "", "/abc", "" },
        { "/\u017Fx", "", "/sx", "" },
    };

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Requests_that_the_framework_confuses_have_pages_of_their_own(string firstPath, string firstQuery, string secondPath, string secondQuery)
    {
        await using var app = await StartAsync();
        async Task<bool> SharesAsync(string prefix) => (await app.GetAsync(prefix + firstPath, firstQuery)).Body == (await app.GetAsync(prefix + secondPath, secondQuery)).Body;

        Assert.True(await SharesAsync("/framework"));
        Assert.False(await SharesAsync("/larder"));
    }

    [Fact]
    public async Task An_absent_parameter_differs_from_an_empty_one_and_others_do_not_count()
    {
        await using var app = await StartAsync();
        async Task<string> AskAsync(string query) => (await app.GetAsync("/larder/p", query)).Body;
        var none = await AskAsync("");

        Assert.NotEqual(none, await AskAsync("?id="));
        Assert.Equal(none, await AskAsync("?*="));
        Assert.Equal(none, await AskAsync("?random=1"));
    }

    [Fact]
    public async Task Headers_that_are_in_the_key_are_told_apart_and_those_of_proxies_are_in_it()
    {
        await using var app = await StartAsync();
        async Task<string> AskAsync(params string[] header) => (await app.GetAsync("/larder/p", configure: Header(header[0], header[1..]))).Body;

        Assert.NotEqual(await AskAsync("X-Lang", "a", "bc"), await AskAsync("X-Lang", "abc"));
        var framework = (await app.GetAsync("/framework/p", configure: Header("X-Forwarded-Host", "evil.example"))).Body;
        Assert.Equal(framework, (await app.GetAsync("/framework/p")).Body);
        Assert.NotEqual(await AskAsync("X-Forwarded-Host", "evil.example"), (await app.GetAsync("/larder/p")).Body);
    }

    [Theory]
    [InlineData("/p\u001E", "")]
    [InlineData("/p", "?id=%1F")]
    public async Task Control_characters_and_bodies_pass_the_cache_by(string path, string query)
    {
        await using var app = await StartAsync();
        Assert.Equal("larder; fwd=bypass; detail=control-character", (await app.GetAsync("/larder" + path, query)).CacheStatus);
        Assert.Equal("larder; fwd=bypass; detail=request-body", (await app.GetAsync("/larder/p", configure: Body)).CacheStatus);
        Assert.NotEqual((await app.GetAsync("/larder" + path, query)).Body, (await app.GetAsync("/larder" + path, query)).Body);
    }

    [Fact]
    public async Task The_border_between_path_base_and_path_is_part_of_the_key()
    {
        await using var app = await StartAsync();
        var one = await app.GetAsync("/larder/b/c", configure: http => http.Request.PathBase = "/a");
        var two = await app.GetAsync("/c", configure: http => http.Request.PathBase = "/a/larder/b");

        Assert.Equal((200, 200), (one.Status, two.Status));
        Assert.NotEqual(one.Body, two.Body);
    }

    [Fact]
    public async Task A_response_that_varies_by_more_than_the_key_is_not_stored()
    {
        await using var app = await StartAsync();
        async Task<bool> SharesAsync(string prefix) =>
            (await app.GetAsync(prefix + "/p", configure: Header("X-Vary", "X-Other"))).Body == (await app.GetAsync(prefix + "/p", configure: Header("X-Vary", "X-Other"))).Body;

        Assert.True(await SharesAsync("/framework"));
        Assert.False(await SharesAsync("/larder"));
    }
}

[ApiController]
public sealed class AttackedController : ControllerBase
{
    private static int _served;

    [HttpGet("framework/{**rest}")]
    [OutputCache]
    public string ByFramework(string? rest) => Answer(rest);

    [HttpGet("larder/{**rest}")]
    [CacheRoute(Query = ["id", "Q"], Headers = ["X-Lang"])]
    public string ByLarder(string? rest) => Answer(rest);

    [HttpGet("c")]
    [CacheRoute]
    public string AtTheEnd() => Answer(null);

    private string Answer(string? rest)
    {
        if (Request.Headers["X-Vary"] is [{ } vary])
        {
            Response.Headers.Vary = vary;
        }

        return $"{Interlocked.Increment(ref _served)} {rest}";
    }
}
