using System.Security.Claims;
using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.TestHost;
using Xunit;

namespace Larder.Tests;

/// <summary>The characters that make the framework's keys empty, under the framework's own policies.</summary>
public class SeparatorTests
{
    [Fact]
    public async Task The_framework_alone_gives_one_requests_answer_to_another()
    {
        var entered = 0;
        using var gate = new SemaphoreSlim(0);
        var parked = 0;
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseTestServer();
        builder.Services.AddOutputCache();
        await using var app = builder.Build();
        app.UseRouting();
        app.Use((context, next) =>
        {
            var rest = next(context);
            Interlocked.Increment(ref parked);
            return rest;
        });
        app.UseOutputCache();
        app.MapGet("/x/{name}", async (string name) =>
        {
            Interlocked.Increment(ref entered);
            await gate.WaitAsync();
            return name;
        }).CacheOutput();
        await app.StartAsync();
        async Task<string> GetAsync(string path) => await app.GetTestClient().GetStringAsync(new Uri(path, UriKind.Relative));

        var alice = GetAsync("/x/alice%1E");
        await Poll.UntilAsync(() => Volatile.Read(ref entered) == 1, "the first runs");
        var bob = GetAsync("/x/bob%1E");
        await Poll.UntilAsync(() => Volatile.Read(ref parked) == 2, "the second waits");
        gate.Release(2);

        Assert.Equal(await alice, await bob);
        Assert.Equal(1, entered);
    }

    private static Action<HttpContext> Header(string value) => http => http.Request.Headers["X-Name"] = value;

    public static TheoryData<string> Places => ["path", "query", "header", "controller"];

    [Theory]
    [MemberData(nameof(Places))]
    public async Task Requests_at_once_get_their_own_answers(string place)
    {
        var entered = 0;
        using var gate = new SemaphoreSlim(0);
        async Task<string> AnswerAsync(string name)
        {
            Interlocked.Increment(ref entered);
            await gate.WaitAsync();
            return name;
        }

        // The controller has it from the services of its application: this class and the one that inherits it run side by side.
        await using var app = await PageApp.StartAsync(
            (_, web) =>
            {
                web.MapGet("/path/{name}", AnswerAsync).CacheOutput();
                web.MapGet("/query", (string name) => AnswerAsync(name)).CacheOutput();
                web.MapGet("/header", (Delegate)((HttpContext http) => AnswerAsync(http.Request.Headers["X-Name"]!))).CacheOutput(policy => policy.SetVaryByHeader("X-Name"));
                web.MapControllers();
            },
            services: services => OneController.Add<WaitingController>(services.AddSingleton<Func<string, Task<string>>>(AnswerAsync)));
        Task<Answer> AskAsync(int user) => place switch
        {
            "path" => app.GetAsync($"/path/user{user}\u001E"),
            "query" => app.GetAsync("/query", $"?name=user{user}%1F"),
            "header" => app.GetAsync("/header", configure: Header($"user{user}\u001E")),
            _ => app.GetAsync($"/controller/user{user}\u001E"),
        };
        var requests = Enumerable.Range(0, 5).Select(AskAsync).ToArray();
        await Poll.UntilAsync(() => Volatile.Read(ref entered) == 5, "all requests are in their endpoint");
        gate.Release(5);

        Assert.All((await Task.WhenAll(requests)).Select((page, i) => (page, i)), item => Assert.StartsWith($"user{item.i}", item.page.Body.Trim('"'), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Requests_at_once_get_their_own_answers_where_a_base_policy_caches_everything()
    {
        var entered = 0;
        using var gate = new SemaphoreSlim(0);
        await using var app = await PageApp.StartAsync(
            (_, web) => web.MapGet("/x/{name}", async (string name) =>
            {
                Interlocked.Increment(ref entered);
                await gate.WaitAsync();
                return name;
            }),
            services: services => services.AddOutputCache(options => options.AddBasePolicy(policy => policy.Cache())));
        var requests = Enumerable.Range(0, 5).Select(i => app.GetAsync($"/x/user{i}\u001E")).ToArray();
        await Poll.UntilAsync(() => Volatile.Read(ref entered) == 5, "all requests are in their endpoint");
        gate.Release(5);

        Assert.All((await Task.WhenAll(requests)).Select((page, i) => (page, i)), item => Assert.Equal($"user{item.i}\u001E", item.page.Body));

        // Others are cached as before.
        gate.Release(2);
        await app.GetAsync("/x/plain");
        await app.GetAsync("/x/plain");
        Assert.Equal(6, entered);
    }

    [Fact]
    public async Task Tenants_whose_names_hold_separators_share_nothing()
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
            scope => scope.FromClaim("tid"),
            pipeline: web => web.UseLarderScope().UsePages());

        // A claim is no part of the request that could be looked at. The user is not "authenticated" for the framework, so that the page is cached.
        Task<Answer> AskAsync(string tenant) => app.GetAsync("/p", configure: http => http.User = new ClaimsPrincipal([new ClaimsIdentity(), new ClaimsIdentity([new Claim("tid", tenant)], "test")]));
        var requests = ((string[])["a\u001E", "b\u001E"]).Select(AskAsync).ToArray();
        await Poll.UntilAsync(() => Volatile.Read(ref entered) == 2, "both run");
        gate.Release(2);

        Assert.Equal(["a\u001E", "b\u001E"], (await Task.WhenAll(requests)).Select(answer => answer.Body));
    }
}

[ApiController]
public sealed class WaitingController(Func<string, Task<string>> answerAsync) : ControllerBase
{
    [HttpGet("controller/{name}")]
    [OutputCache]
    public Task<string> Answer(string name) => answerAsync(name);
}
