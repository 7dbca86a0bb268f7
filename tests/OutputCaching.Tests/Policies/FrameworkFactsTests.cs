using System.Security.Claims;
using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.ResponseCompression;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests;

/// <summary>What the framework does by itself that this package mends: first that it does, then that it is mended.</summary>
public class FrameworkFactsTests
{
    private const string Framework = "/framework";
    private const string Larder = "/larder";

    private static Task<PageApp> StartAsync(Func<PageApp, HttpContext, Task> answer, Action<WebApplication>? pipeline = null, Action<IServiceCollection>? services = null) => PageApp.StartAsync(
        (pages, web) =>
        {
            Task AnswerAsync(HttpContext http) => answer(pages, http);
            web.MapGet(Framework, AnswerAsync).CacheOutput();
            web.MapGet(Larder, AnswerAsync).CacheRoute(route => route.NotFound = 60);
        },
        services: services,
        pipeline: pipeline);

    [Theory]
    [InlineData("Cache-Control", "private")]
    [InlineData("Cache-Control", "no-store")]
    [InlineData("Vary", "*")]
    [InlineData("Vary", "X-Lang")]
    public async Task A_response_that_is_not_for_others_is_stored_by_the_framework(string header, string value)
    {
        await using var app = await StartAsync(async (pages, http) =>
        {
            http.Response.Headers[header] = value;
            await http.Response.WriteAsync($"{pages.Next()}");
        });

        Assert.Equal((await app.GetAsync(Framework)).Body, (await app.GetAsync(Framework)).Body);
        Assert.NotEqual((await app.GetAsync(Larder)).Body, (await app.GetAsync(Larder)).Body);
    }

    [Fact]
    public async Task A_run_that_throws_fails_all_who_wait_in_the_framework()
    {
        var entered = 0;
        var parked = 0;
        using var gate = new SemaphoreSlim(0);
        await using var app = await StartAsync(async (_, http) =>
        {
            if (Interlocked.Increment(ref entered) == 1)
            {
                await gate.WaitAsync();
                throw new InvalidOperationException("broken");
            }

            await http.Response.WriteAsync("fine");
        }, web => web.Use((context, next) =>
        {
            // What the framework does before it waits for another request, it does without awaiting anything.
            var rest = next(context);
            Interlocked.Increment(ref parked);
            return rest;
        }).UsePages());
        async Task<(Exception? First, Exception? Second)> AskTwiceAsync(string path)
        {
            (entered, parked) = (0, 0);
            var first = app.GetAsync(path);
            await Poll.UntilAsync(() => Volatile.Read(ref entered) == 1, "the first runs");
            var second = app.GetAsync(path);
            await Poll.UntilAsync(() => Volatile.Read(ref parked) == 2, "the second waits");

            gate.Release();
            return (await Record.ExceptionAsync(() => first), await Record.ExceptionAsync(() => second));
        }

        Assert.All(await AskTwiceAsync(Framework) switch { var (one, two) => new[] { one, two } }, Assert.NotNull);
        var (larderFirst, larderSecond) = await AskTwiceAsync(Larder);
        Assert.NotNull(larderFirst);
        Assert.Null(larderSecond);
    }

    [Fact]
    public async Task The_cache_before_authentication_gives_one_users_page_to_another_if_a_policy_allows_it()
    {
        await using var app = await PageApp.StartAsync(
            (_, web) =>
            {
                web.MapGet(Framework, (HttpContext http) => http.User.FindFirst("sub")?.Value ?? "nobody").CacheOutput(policy => policy.AddPolicy<StoreAll>());
                web.MapGet(Larder, (HttpContext http) => http.User.FindFirst("sub")?.Value ?? "nobody").CacheRoute();
            },
            pipeline: web => web.UsePages().Use((context, next) =>
            {
                if (context.Request.Headers["X-User"] is [{ } user])
                {
                    context.User = new ClaimsPrincipal(new ClaimsIdentity([new Claim("sub", user)], "test"));
                }

                return next(context);
            }));
        async Task<string> ReadAsync(string path)
        {
            await app.GetAsync(path, configure: http => http.Request.Headers["X-User"] = "alice");
            return (await app.GetAsync(path)).Body;
        }

        Assert.Equal("alice", await ReadAsync(Framework));
        Assert.Equal("nobody", await ReadAsync(Larder));
    }

    [Fact]
    public async Task A_missing_page_becomes_not_modified_in_the_framework()
    {
        await using var app = await PageApp.StartAsync((pages, web) =>
        {
            web.MapGet(Framework, () => Results.NotFound()).CacheOutput(policy => policy.AddPolicy<StoreAll>());
            web.MapGet(Larder, () => Results.NotFound()).CacheRoute(route => route.NotFound = 60);
        });
        async Task<int> AskAsync(string path)
        {
            await app.GetAsync(path);
            return (await app.GetAsync(path, configure: http => http.Request.Headers.IfNoneMatch = "*")).Status;
        }

        Assert.Equal(304, await AskAsync(Framework));
        Assert.Equal(404, await AskAsync(Larder));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Compression_on_either_side_of_the_cache_gives_each_client_what_it_can_read(bool inside)
    {
        await using var app = await StartAsync(
            async (pages, http) =>
            {
                http.Response.ContentType = "text/plain";
                await http.Response.WriteAsync(new string('x', 10_000) + pages.Next());
            },
            web => _ = inside ? web.UsePages().UseResponseCompression() : web.UseResponseCompression().UsePages(),
            services => services.AddResponseCompression(options => options.Providers.Add<GzipCompressionProvider>()));
        foreach (var encoding in (string[])["gzip", "", "gzip", ""])
        {
            var page = await app.GetAsync(Larder, configure: http => http.Request.Headers.AcceptEncoding = encoding);

            // What is not compressed anyone can read.
            Assert.Contains(page.Headers.ContentEncoding.ToString(), new[] { "", encoding });
        }
    }

    private sealed class StoreAll : Microsoft.AspNetCore.OutputCaching.IOutputCachePolicy
    {
        public ValueTask CacheRequestAsync(Microsoft.AspNetCore.OutputCaching.OutputCacheContext context, CancellationToken cancellation) => default;

        public ValueTask ServeFromCacheAsync(Microsoft.AspNetCore.OutputCaching.OutputCacheContext context, CancellationToken cancellation) => default;

        public ValueTask ServeResponseAsync(Microsoft.AspNetCore.OutputCaching.OutputCacheContext context, CancellationToken cancellation)
        {
            context.AllowCacheStorage = true;
            return default;
        }
    }
}
