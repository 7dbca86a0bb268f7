using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace Larder.Tests;

/// <summary>Policies that routes use by name, from code and from the configuration.</summary>
public class NamedPolicyTests
{
    private static IConfiguration Read(string outputCaching) =>
        new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes($"{{ \"Larder\": {{ \"OutputCaching\": {outputCaching} }} }}"))).Build();

    private static IConfiguration Policy(string policy) => Read($"{{ \"Policies\": {{ \"products\": {policy} }} }}");

    private static Task<PageApp> StartAsync(IConfiguration? section, Action<PageApp, WebApplication> map, Action<LarderOutputCacheOptions>? options = null, Action<IServiceCollection>? services = null) =>
        PageApp.StartAsync(map, services: services, configure: larder =>
        {
            if (section is not null)
            {
                larder.Services.AddLarder(section);
            }

            if (options is not null)
            {
                larder.AddOutputCaching(options);
            }
        });

    private static async Task<int> SecondsAsync(PageApp app, string path, string query = "")
    {
        await app.GetAsync(path, query);
        var status = (await app.GetAsync(path, query)).CacheStatus;
        return status.Contains("ttl=", StringComparison.Ordinal) ? int.Parse(status[(status.IndexOf("ttl=", StringComparison.Ordinal) + 4)..], System.Globalization.CultureInfo.InvariantCulture) : 0;
    }

    [Fact]
    public async Task A_policy_of_the_section_says_what_a_route_does_not()
    {
        await using var app = await StartAsync(
            Policy("""{ "Duration": 500, "Tags": [ "product:{id}" ], "NotFound": "00:05:00", "Query": [ "page" ], "Headers": [ "X-Lang" ], "Statuses": { "301": "01:00:00", "410": 90 } }"""),
            (pages, web) => web.MapGet("/p/{id:int}", async (int id, HttpContext http) =>
            {
                http.Response.StatusCode = id;
                http.Response.Headers.Vary = "X-Lang";
                await http.Response.WriteAsync($"{pages.Next()}");
            }).CacheRoute("products"));

        Assert.InRange(await SecondsAsync(app, "/p/200"), 490, 500);
        Assert.InRange(await SecondsAsync(app, "/p/404"), 290, 300);
        Assert.InRange(await SecondsAsync(app, "/p/301"), 3_590, 3_600);
        Assert.InRange(await SecondsAsync(app, "/p/410"), 80, 90);
        Assert.NotEqual((await app.GetAsync("/p/200")).Body, (await app.GetAsync("/p/200", "?page=2")).Body);
        Assert.NotEqual((await app.GetAsync("/p/200")).Body, (await app.GetAsync("/p/200", configure: http => http.Request.Headers["X-Lang"] = "de")).Body);
        await app.Cache.RemoveByTagAsync("product:200");
        Assert.False((await app.GetAsync("/p/200")).IsHit);
        Assert.True((await app.GetAsync("/p/404")).IsHit);
    }

    [Fact]
    public async Task What_a_route_says_itself_wins_over_its_policy_and_a_list_over_the_whole_list()
    {
        await using var app = await StartAsync(
            Policy("""{ "Duration": 500, "Tags": [ "catalog" ], "Query": [ "page" ], "VaryByUser": true }"""),
            (pages, web) => web.MapGet("/p", () => $"{pages.Next()}").CacheRoute("PRODUCTS", route =>
            {
                route.Duration = 50;
                route.Tags = [];
                route.Query = ["size"];
                route.VaryByUser = false;
            }));

        Assert.InRange(await SecondsAsync(app, "/p", "?size=1"), 40, 50);
        Assert.Equal((await app.GetAsync("/p", "?size=1")).Body, (await app.GetAsync("/p", "?size=1&page=2")).Body);
        await app.Cache.RemoveByTagAsync("catalog");
        Assert.True((await app.GetAsync("/p", "?size=1")).IsHit);
    }

    [Fact]
    public async Task A_policy_of_code_wins_over_that_of_the_section_name_by_name()
    {
        await using var app = await StartAsync(
            Policy("""{ "Duration": 500, "NotFound": 300 }"""),
            (_, web) => web.MapGet("/p/{id:int}", (int id) => id == 200 ? Results.Ok() : Results.NotFound()).CacheRoute("products"),
            options => options.AddPolicy("Products", route => route.Duration = 50));

        Assert.InRange(await SecondsAsync(app, "/p/200"), 40, 50);
        Assert.InRange(await SecondsAsync(app, "/p/404"), 290, 300);
    }

    [Fact]
    public async Task An_action_names_a_policy_of_code_with_a_key_of_its_own()
    {
        await using var app = await StartAsync(
            null,
            (_, web) => web.MapControllers(),
            options => options.AddPolicy("by-theme", route => route.KeyBy = http => http.Request.Headers["X-Theme"].ToString()),
            OneController.Add<PolicyController>);
        async Task<string> GetAsync(string theme) => (await app.GetAsync("/policy", configure: http => http.Request.Headers["X-Theme"] = theme)).Body;

        var dark = await GetAsync("dark");
        Assert.NotEqual(dark, await GetAsync("light"));
        Assert.Equal(dark, await GetAsync("dark"));
    }

    [Fact]
    public async Task General_settings_stand_in_the_section_too_and_code_wins()
    {
        var section = Read("""{ "DefaultExpiration": "00:10:00", "SendCacheStatus": false, "ETag": "content" }""");
        static void Map(PageApp pages, WebApplication web) => web.MapGet("/p", () => $"{pages.Next()}").CacheRoute();
        await using var app = await StartAsync(section, Map);
        var options = app.Services.GetRequiredService<IOptions<LarderOutputCacheOptions>>().Value;
        Assert.Equal((TimeSpan.FromMinutes(10), false, CacheRouteETag.Content), (options.DefaultExpiration, options.SendCacheStatus, options.ETag));

        await using var other = await StartAsync(section, Map, options => (options.SendCacheStatus, options.DefaultExpiration) = (true, TimeSpan.FromMinutes(2)));
        Assert.InRange(await SecondsAsync(other, "/p"), 110, 120);
    }

    [Fact]
    public async Task A_policy_that_does_not_exist_is_refused_at_start_with_those_that_do()
    {
        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => StartAsync(
            Policy("""{ "Duration": 500 }"""), (_, web) => web.MapGet("/p", () => "").CacheRoute("product")));
        var none = await Assert.ThrowsAsync<InvalidOperationException>(() => StartAsync(null, (_, web) => web.MapGet("/p", () => "").CacheRoute("product")));

        Assert.Contains("'HTTP: GET /p'", exception.Message, StringComparison.Ordinal);
        Assert.Contains("There is no policy 'product'. Declared are: products.", exception.Message, StringComparison.Ordinal);
        Assert.Contains("None is declared", none.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_route_and_its_policy_say_together_is_checked_at_start()
    {
        var byRoute = await Assert.ThrowsAsync<InvalidOperationException>(() => StartAsync(
            Policy("""{ "Tags": [ "product:{id}" ] }"""), (_, web) => web.MapGet("/p/{product}", () => "").CacheRoute("products")));
        var byUser = await Assert.ThrowsAsync<InvalidOperationException>(() => StartAsync(
            Policy("""{ "Tags": [ "user:{claim:sub}" ], "VaryByUser": true }"""), (_, web) => web.MapGet("/p", () => "").CacheRoute("products", route => route.VaryByUser = false)));

        Assert.Contains("'product:{id}' needs 'id'", byRoute.Message, StringComparison.Ordinal);
        Assert.Contains("'user:{claim:sub}' holds the claim 'sub'", byUser.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_frameworks_attribute_beside_it_is_refused_at_start_unless_it_says_no()
    {
        var beside = await Assert.ThrowsAsync<InvalidOperationException>(() => StartAsync(
            null, (_, web) => web.MapGet("/p", () => "").CacheRoute().WithMetadata(new OutputCacheAttribute { Duration = 60 })));
        await using var off = await StartAsync(null, (pages, web) => web.MapGet("/p", () => $"{pages.Next()}").CacheRoute().WithMetadata(new OutputCacheAttribute { NoStore = true }));

        Assert.Contains("/p", beside.Message, StringComparison.Ordinal);
        Assert.Contains("[OutputCache]", beside.Message, StringComparison.Ordinal);
        foreach (var expected in (string[])["1", "2"])
        {
            var page = await off.GetAsync("/p");
            Assert.Equal((expected, "larder; fwd=bypass; detail=endpoint", ""), (page.Body, page.CacheStatus, page.Headers.ETag.ToString()));
        }
    }

    [Fact]
    public async Task Endpoints_that_the_cache_leaves_alone_are_not_checked()
    {
        // The policy of a whole group or controller reaches its writes too, and those that overrule it.
        await using var app = await StartAsync(null, (pages, web) =>
        {
            web.MapPost("/p", () => $"{pages.Next()}").CacheRoute("missing");
            web.MapGet("/p", () => $"{pages.Next()}").CacheRoute("missing").CacheRoute();
        });

        Assert.Equal("1", (await app.GetAsync("/p")).Body);
    }

    [Theory]
    [InlineData("""{ "Duration": "soon" }""", "Larder:OutputCaching:Policies:products:Duration is 'soon'; it must be seconds or hours:minutes:seconds, more than zero.")]
    [InlineData("""{ "Duration": 0 }""", "Duration is '0'")]
    [InlineData("""{ "Duration": -5 }""", "Duration is '-5'")]
    [InlineData("""{ "Duration": "-00:00:05" }""", "Duration is '-00:00:05'")]
    [InlineData("""{ "Duration": "1.5" }""", "Duration is '1.5'")]
    [InlineData("""{ "NotFound": "-1" }""", "NotFound is '-1'")]
    [InlineData("""{ "Duraton": 5 }""", "Larder:OutputCaching:Policies:products:Duraton is not known. Known there are Duration,")]
    [InlineData("""{ "ETag": "1" }""", "ETag is '1'; it must be None, Generation or Content.")]
    [InlineData("""{ "VaryByUser": "yes" }""", "VaryByUser is 'yes'; it must be true or false.")]
    [InlineData("""{ "Tags": "product:{id}" }""", "Tags is 'product:{id}'; it must be a list of texts.")]
    [InlineData("""{ "Tags": [ "product:{id" ] }""", "The tag 'product:{id' has braces that do not match")]
    [InlineData("""{ "Query": [ "" ] }""", "Query:0 is ''; it must be text that is not empty.")]
    [InlineData("""{ "Statuses": { "503": 5 } }""", "The status 503 cannot be cached")]
    [InlineData("""{ "Statuses": { "moved": 5 } }""", "'moved' is no status")]
    [InlineData("""{ "Statuses": { "301": "x" } }""", "Statuses:301 is 'x'")]
    [InlineData("""{ "Policy": "other" }""", "Policy is not known")]
    public async Task What_the_section_cannot_mean_is_refused_at_start_and_quoted(string policy, string expected)
    {
        var exception = await Assert.ThrowsAsync<FormatException>(() => StartAsync(Policy(policy), (_, _) => { }));
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_misspelt_name_beside_the_policies_is_refused()
    {
        var exception = await Assert.ThrowsAsync<FormatException>(() => StartAsync(Read("""{ "Polices": { } }"""), (_, _) => { }));
        Assert.Contains("Larder:OutputCaching:Polices is not known. Known there are DefaultExpiration,", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_policy_has_a_name_and_no_policy()
    {
        var options = new LarderOutputCacheOptions();
        Assert.ThrowsAny<ArgumentException>(() => options.AddPolicy(" ", _ => { }));
        Assert.ThrowsAny<ArgumentException>(() => new CacheRouteAttribute { Policy = "" });
        var exception = Assert.Throws<ArgumentException>(() => options.AddPolicy("one", route => route.Policy = "two"));
        Assert.Contains("'one' names the policy 'two'", exception.Message, StringComparison.Ordinal);
    }
}

[ApiController]
public sealed class PolicyController : ControllerBase
{
    private static int _served;

    [HttpGet("policy")]
    [CacheRoute(Policy = "by-theme", Duration = 30)]
    public int Served() => Interlocked.Increment(ref _served);
}
