using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace Larder.Tests;

/// <summary>
/// Pairs of requests that the framework takes for one, or whose difference it does not see. Each is tried on the
/// framework's own policy, which shows that the danger is real, and on <c>CacheRoute</c>.
/// </summary>
public class KeyAttackTests
{
    private const string Framework = "/framework";
    private const string Larder = "/larder";

    private static readonly string[] Listed = ["k", "id", "Q"];

    private static Task<PageApp> StartAsync(Action<IServiceCollection>? services = null) => PageApp.StartAsync(
        (pages, app) =>
        {
            // What the endpoint was asked, so that a body tells whose it is.
            string Answer(HttpContext http) => $"{pages.Next()} {http.Request.PathBase}|{http.Request.Path}{http.Request.QueryString} {http.Request.Headers["X-Lang"]}";
            app.MapGet(Framework + "/{**rest}", Answer).CacheOutput();
            app.MapGet("/framework-k/{**rest}", Answer).CacheOutput(policy => policy.SetVaryByQuery("k"));
            app.MapGet("/framework-lang/{**rest}", Answer).CacheOutput(policy => policy.SetVaryByHeader("X-Lang"));
            app.MapGet(Larder + "/{**rest}", Answer).CacheRoute(route => route.Query = Listed);
        },
        services: services);

    private static async Task<bool> SharesAsync(PageApp app, string prefix, (string Path, string Query) first, (string Path, string Query) second)
    {
        var one = await app.GetAsync(prefix + first.Path, first.Query);
        var two = await app.GetAsync(prefix + second.Path, second.Query);
        return one.Body == two.Body;
    }

    [Theory]
    [InlineData("/p", "?Q%3DX=1", "?Q=X%3D1")]
    [InlineData("/p", "?id=1&id=2", "?id=2&id=1")]
    [InlineData("/p", "?*=", "")]
    public async Task Queries_the_framework_confuses_differ_as_far_as_they_are_listed(string path, string first, string second)
    {
        await using var app = await StartAsync();

        Assert.True(await SharesAsync(app, Framework, (path, first), (path, second)));

        // The last pair differs only in a parameter that is not listed, which is ignored on purpose.
        Assert.Equal(second.Length == 0, await SharesAsync(app, Larder, (path, first), (path, second)));
    }

    [Fact]
    public async Task An_absent_parameter_differs_from_an_empty_one()
    {
        await using var app = await StartAsync();

        Assert.True(await SharesAsync(app, "/framework-k", ("/p", "?k="), ("/p", "")));
        Assert.False(await SharesAsync(app, Larder, ("/p", "?k="), ("/p", "")));
    }

    [Theory]
    [InlineData("/AbC", "/abc")]
    [InlineData("/\u017Fx", "/sx")]
    public async Task Paths_that_differ_in_case_are_different_pages(string first, string second)
    {
        await using var app = await StartAsync();

        Assert.True(await SharesAsync(app, Framework, (first, ""), (second, "")));
        Assert.False(await SharesAsync(app, Larder, (first, ""), (second, "")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_border_between_path_base_and_path_is_part_of_the_key(bool isLarder)
    {
        await using var app = await PageApp.StartAsync((pages, web) =>
        {
            foreach (var path in (string[])["/b/c", "/c"])
            {
                var endpoint = web.MapGet(path, () => $"{pages.Next()}");
                _ = isLarder ? endpoint.CacheRoute() : endpoint.CacheOutput();
            }
        });

        var one = await app.GetAsync("/b/c", configure: http => http.Request.PathBase = "/a");
        var two = await app.GetAsync("/c", configure: http => http.Request.PathBase = "/a/b");

        Assert.Equal(isLarder, one.Body != two.Body);
    }

    [Theory]
    [InlineData("X-Forwarded-Host", "evil.example")]
    [InlineData("X-Forwarded-Proto", "http")]
    [InlineData("X-Forwarded-Prefix", "/evil")]
    public async Task What_a_client_says_of_the_host_reaches_nobody_else(string header, string evil)
    {
        // Made of the host that the client is told to have called, as links often are.
        static string Link(HttpContext http) => $"{http.Request.Headers["X-Forwarded-Proto"]}://{http.Request.Headers["X-Forwarded-Host"]}{http.Request.Headers["X-Forwarded-Prefix"]}/reset";
        await using var app = await PageApp.StartAsync((_, web) =>
        {
            web.MapGet(Framework, Link).CacheOutput();
            web.MapGet(Larder, (HttpContext http) =>
            {
                http.Response.Headers.Vary = header;
                return Link(http);
            }).CacheRoute();
        });
        async Task<(Answer Poisoning, Answer Clean, Answer Again)> AskAsync(string path)
        {
            var poisoning = await app.GetAsync(path, configure: http => http.Request.Headers[header] = evil);
            return (poisoning, await app.GetAsync(path), await app.GetAsync(path, configure: http => http.Request.Headers[header] = evil));
        }

        var framework = await AskAsync(Framework);
        Assert.Contains(evil, framework.Clean.Body, StringComparison.Ordinal);
        var larder = await AskAsync(Larder);
        Assert.Equal(":///reset", larder.Clean.Body);
        Assert.Equal((larder.Poisoning.Body, true), (larder.Again.Body, larder.Again.IsHit));
    }

    [Fact]
    public async Task What_forwarded_headers_have_become_of_the_request_is_in_the_key()
    {
        await using var app = await PageApp.StartAsync(
            (_, web) => web.MapGet("/p", (HttpContext http) => $"{http.Request.Scheme}://{http.Request.Host}").CacheRoute(),
            services: services => services.Configure<ForwardedHeadersOptions>(options =>
            {
                options.ForwardedHeaders = ForwardedHeaders.XForwardedHost | ForwardedHeaders.XForwardedProto;
                options.KnownProxies.Clear();
                options.KnownIPNetworks.Clear();
            }),
            pipeline: web => web.UseForwardedHeaders().UsePages());
        Task<Answer> AskAsync(string host) => app.GetAsync("/p", configure: http => (http.Request.Headers["X-Forwarded-Host"], http.Request.Headers["X-Forwarded-Proto"]) = (host, "https"));

        Assert.Equal("https://one.example", (await AskAsync("one.example")).Body);
        Assert.Equal("https://two.example", (await AskAsync("two.example")).Body);
        Assert.True((await AskAsync("one.example")).IsHit);
    }

    [Fact]
    public async Task A_tenant_of_two_values_is_not_the_one_that_joins_them()
    {
        await using var app = await PageApp.StartAsync(
            (_, web) => web.MapGet(Larder, (HttpContext _) => CacheScope.Current.Tenant).CacheRoute(), scope => scope.FromHeader("X-Tenant"));

        // The framework's side is below, with another header.
        Assert.Equal(400, (await app.GetAsync(Larder, configure: http => http.Request.Headers["X-Tenant"] = new StringValues(["a", "bc"]))).Status);
        Assert.Equal("abc", (await app.GetAsync(Larder, configure: http => http.Request.Headers["X-Tenant"] = "abc")).Body);
        Assert.Equal("a", (await app.GetAsync(Larder, configure: http => http.Request.Headers["X-Tenant"] = "a")).Body);
    }

    [Fact]
    public async Task A_header_of_two_values_differs_from_one_that_joins_them()
    {
        await using var app = await StartAsync(services =>
            services.Configure<OutputCacheOptions>(options => options.AddBasePolicy(policy => policy.SetVaryByHeader("X-Lang"), excludeDefaultPolicy: true)));
        async Task<bool> Shares(string prefix)
        {
            var one = await app.GetAsync(prefix + "/p", configure: http => http.Request.Headers["X-Lang"] = new StringValues(["a", "bc"]));
            var two = await app.GetAsync(prefix + "/p", configure: http => http.Request.Headers["X-Lang"] = "abc");
            return one.Body == two.Body;
        }

        Assert.True(await Shares("/framework-lang"));
        Assert.False(await Shares(Larder));
    }

    [Theory]
    [InlineData("/x/alice\u001E", "")]
    [InlineData("/x/alice\u001F", "")]
    [InlineData("/x/alice\n", "")]
    [InlineData("/x", "?k=%1E")]
    [InlineData("/x", "?unlisted=%1F")]
    [InlineData("/x", "?%1E=1")]
    public async Task A_request_with_control_characters_is_served_and_left_alone(string path, string query)
    {
        await using var app = await StartAsync();

        var one = await app.GetAsync(Larder + path, query);
        var two = await app.GetAsync(Larder + path, query);

        Assert.Equal((200, "larder; fwd=bypass; detail=control-character"), (one.Status, one.CacheStatus));
        Assert.NotEqual(one.Body, two.Body);
    }

    [Fact]
    public async Task Concurrent_requests_with_separators_get_their_own_answers()
    {
        var entered = 0;
        using var release = new SemaphoreSlim(0);
        await using var app = await PageApp.StartAsync((_, web) =>
        {
            async Task<string> AnswerAsync(string name)
            {
                Interlocked.Increment(ref entered);
                await release.WaitAsync();
                return name;
            }

            web.MapGet("/larder/{name}", AnswerAsync).CacheRoute();
        });

        var requests = Enumerable.Range(0, 20).Select(i => app.GetAsync($"/larder/user{i}\u001E")).ToArray();
        await Shared.Poll.UntilAsync(() => Volatile.Read(ref entered) == 20, "all requests are in their endpoint");
        release.Release(20);
        var pages = await Task.WhenAll(requests);

        Assert.All(pages.Select((page, i) => (page, i)), item => Assert.Equal($"user{item.i}\u001E", item.page.Body));
    }

    [Fact]
    public async Task A_get_with_a_body_is_never_cached()
    {
        await using var app = await PageApp.StartAsync((_, web) =>
        {
            static async Task<string> EchoAsync(HttpContext http) => await new StreamReader(http.Request.Body).ReadToEndAsync();
            web.MapGet("/framework", (Delegate)EchoAsync).CacheOutput();
            web.MapGet("/larder", (Delegate)EchoAsync).CacheRoute();
        });
        void Evil(HttpContext http)
        {
            http.Request.Body = new MemoryStream(Encoding.UTF8.GetBytes("evil"));
            http.Request.ContentLength = 4;
        }

        await app.GetAsync("/framework", configure: Evil);
        var poisoned = await app.GetAsync("/framework");
        var bypassed = await app.GetAsync("/larder", configure: Evil);
        var clean = await app.GetAsync("/larder");

        Assert.Equal("evil", poisoned.Body);
        Assert.Equal("larder; fwd=bypass; detail=request-body", bypassed.CacheStatus);
        Assert.Equal("", clean.Body);
    }

    [Fact]
    public async Task Made_up_parameters_fill_no_cache()
    {
        await using var app = await StartAsync();
        var first = await app.GetAsync(Larder + "/p", "?k=1");

        var before = app.Store.Engine.Memory.Count;
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(first.Body, (await app.GetAsync(Larder + "/p", $"?k=1&random{i}={i}")).Body);
        }

        Assert.Equal(before, app.Store.Engine.Memory.Count);
        for (var i = 0; i < 20; i++)
        {
            await app.GetAsync(Framework + "/p", $"?k=1&random{i}={i}");
        }

        Assert.Equal(before + 20, app.Store.Engine.Memory.Count);
    }

    [Fact]
    public async Task Methods_schemes_and_hosts_have_pages_of_their_own()
    {
        await using var app = await StartAsync();
        var bodies = new HashSet<string>();
        Assert.True(bodies.Add((await app.GetAsync(Larder + "/p")).Body));
        Assert.True(bodies.Add((await app.GetAsync(Larder + "/p", configure: http => http.Request.Scheme = "https")).Body));
        Assert.True(bodies.Add((await app.GetAsync(Larder + "/p", configure: http => http.Request.Host = new HostString("evil.example"))).Body));
        Assert.False(bodies.Add((await app.GetAsync(Larder + "/p")).Body));
    }
}
