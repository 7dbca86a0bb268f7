using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.ResponseCompression;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests;

/// <summary>ETags made of the body, and what a client gets that has the page.</summary>
public class ContentETagTests
{
    private const string Mark = "^W/\"[0-9a-f]{32}\"$";
    private const string Stored = "larder; fwd=uri-miss; fwd-status=200; stored";

    private static Task<PageApp> StartAsync(
        Func<HttpContext, Task> answer, Action<CacheRouteAttribute>? route = null, Action<WebApplication>? pipeline = null, Action<IServiceCollection>? services = null) => PageApp.StartAsync(
        (_, web) => web.MapMethods("/p", ["GET", "HEAD"], (HttpContext http) => answer(http)).CacheRoute(attribute =>
        {
            attribute.Tags = ["p"];
            attribute.ETag = CacheRouteETag.Content;
            route?.Invoke(attribute);
        }),
        services: services,
        pipeline: pipeline);

    private static Func<HttpContext, Task> Text(Func<string> body) => async http =>
    {
        http.Response.ContentType = "text/plain";
        await http.Response.WriteAsync(body());
    };

    private static Task<Answer> AskAsync(PageApp app, string? ifNoneMatch = null, string method = "GET", string encoding = "") => app.GetAsync("/p", configure: http =>
    {
        http.Request.Method = method;
        http.Request.Headers.IfNoneMatch = ifNoneMatch;
        http.Request.Headers.AcceptEncoding = encoding;
    });

    [Fact]
    public async Task A_page_that_was_computed_anew_and_is_as_before_keeps_its_etag()
    {
        var body = "one";
        await using var app = await StartAsync(Text(() => body));
        var first = await AskAsync(app);
        var etag = first.Headers.ETag.ToString();
        var hit = await AskAsync(app);
        await app.Cache.RemoveByTagAsync("p");
        var second = await AskAsync(app);
        body = "two";
        await app.Cache.RemoveByTagAsync("p");
        var third = await AskAsync(app);

        Assert.Matches(Mark, etag);
        Assert.Equal(("one", Stored, etag), (first.Body, first.CacheStatus, etag));
        Assert.Equal(("one", true, etag), (hit.Body, hit.IsHit, hit.Headers.ETag.ToString()));
        Assert.Equal(("one", false, etag), (second.Body, second.IsHit, second.Headers.ETag.ToString()));
        Assert.Matches(Mark, third.Headers.ETag.ToString());
        Assert.Equal(("two", false), (third.Body, third.Headers.ETag == etag));
        Assert.Equal(third.Headers.ETag, (await AskAsync(app)).Headers.ETag);
    }

    [Theory]
    [InlineData("{0}", 304)]
    [InlineData("\"other\", {0} , W/\"x\"", 304)]
    [InlineData("{1}", 304)]
    [InlineData("*", 304)]
    [InlineData("\"other\"", 200)]
    [InlineData("nonsense", 200)]
    [InlineData("", 200)]
    public async Task A_client_that_has_the_page_gets_304_from_a_hit_and_from_a_run_of_the_endpoint(string asked, int expected)
    {
        await using var app = await StartAsync(Text(() => "the page"));
        var etag = (await AskAsync(app)).Headers.ETag.ToString();

        // With and without the mark of weakness, which does not count here.
        var header = string.Format(System.Globalization.CultureInfo.InvariantCulture, asked, etag, etag[2..]);
        var hit = await AskAsync(app, header);
        await app.Cache.RemoveByTagAsync("p");
        var run = await AskAsync(app, header);
        var after = await AskAsync(app);

        Assert.Equal((expected, expected == 304 ? "" : "the page", etag), (hit.Status, hit.Body, hit.Headers.ETag.ToString()));
        Assert.Equal((expected, expected == 304 ? "" : "the page", etag), (run.Status, run.Body, run.Headers.ETag.ToString()));
        Assert.Equal(Stored, run.CacheStatus);
        Assert.Equal(expected == 304 ? ("", 0L) : ("text/plain", 0L), (run.Headers.ContentType.ToString(), run.Headers.ContentLength ?? 0));
        Assert.Equal((200, "the page", "text/plain", true, etag), (after.Status, after.Body, after.Headers.ContentType.ToString(), after.IsHit, after.Headers.ETag.ToString()));
    }

    [Theory]
    [InlineData(65_536, true)]
    [InlineData(65_537, false)]
    [InlineData(300_000, false)]
    public async Task A_long_body_goes_out_as_it_comes_and_has_its_etag_from_the_cache(int length, bool isHeld)
    {
        var text = string.Concat(Enumerable.Range(0, length).Select(i => (char)('a' + (i % 26))));
        await using var app = await StartAsync(async http =>
        {
            foreach (var part in text.Chunk(10_000))
            {
                await http.Response.WriteAsync(new string(part));
            }
        });
        var first = await AskAsync(app);
        var hit = await AskAsync(app);
        var etag = hit.Headers.ETag.ToString();

        Assert.Matches(Mark, etag);
        Assert.Equal((text, isHeld ? etag : ""), (first.Body, first.Headers.ETag.ToString()));
        Assert.Equal((text, true), (hit.Body, hit.IsHit));
        Assert.Equal(304, (await AskAsync(app, etag)).Status);
        await app.Cache.RemoveByTagAsync("p");
        Assert.Equal((isHeld ? 304 : 200, isHeld ? "" : text), (await AskAsync(app, etag)) switch { var run => (run.Status, run.Body) });
        Assert.Equal(etag, (await AskAsync(app)).Headers.ETag);
    }

    [Fact]
    public async Task Head_has_the_etag_of_its_body_and_304_too()
    {
        await using var app = await StartAsync(Text(() => "the page"));
        var etag = (await AskAsync(app)).Headers.ETag.ToString();
        var head = await AskAsync(app, method: "HEAD");
        await app.Cache.RemoveByTagAsync("p");

        Assert.Equal((200, etag), (head.Status, head.Headers.ETag.ToString()));
        Assert.Equal(304, (await AskAsync(app, etag, "HEAD")).Status);
        Assert.Equal(304, (await AskAsync(app, etag, "HEAD")).Status);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Compression_on_either_side_leaves_a_client_with_what_it_has(bool isInside)
    {
        await using var app = await StartAsync(
            Text(() => new string('x', 10_000)),
            route => route.Headers = isInside ? ["Accept-Encoding"] : [],
            web => _ = isInside ? web.UsePages().UseResponseCompression() : web.UseResponseCompression().UsePages(),
            services => services.AddResponseCompression(options => options.Providers.Add<GzipCompressionProvider>()));
        foreach (var encoding in (string[])["gzip", ""])
        {
            var run = await AskAsync(app, encoding: encoding);
            var hit = await AskAsync(app, encoding: encoding);
            await app.Cache.RemoveByTagAsync("p");
            var conditional = await AskAsync(app, run.Headers.ETag, encoding: encoding);
            var conditionalHit = await AskAsync(app, run.Headers.ETag, encoding: encoding);

            Assert.Matches(Mark, run.Headers.ETag.ToString());
            Assert.Equal((encoding, run.Headers.ETag), (run.Headers.ContentEncoding.ToString(), hit.Headers.ETag));
            Assert.Equal((true, encoding), (hit.IsHit, hit.Headers.ContentEncoding.ToString()));
            Assert.True(encoding.Length > 0 || (run.Body, hit.Body) == (new string('x', 10_000), new string('x', 10_000)));
            Assert.All([conditional, conditionalHit], answer => Assert.Equal((304, "", ""), (answer.Status, answer.Body, answer.Headers.ContentEncoding.ToString())));
            Assert.True((await AskAsync(app, encoding: encoding)).IsHit);
        }
    }

    [Fact]
    public async Task What_is_not_stored_has_none_and_is_sent_in_full()
    {
        await using var app = await StartAsync(async http =>
        {
            http.Response.Headers.SetCookie = "a=b";
            await http.Response.WriteAsync("mine");
        });
        var page = await AskAsync(app, "*");

        Assert.Equal((200, "mine", ""), (page.Status, page.Body, page.Headers.ETag.ToString()));
        Assert.EndsWith("detail=set-cookie", page.CacheStatus, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_etag_of_the_endpoint_is_honoured_by_a_run_too()
    {
        await using var app = await StartAsync(async http =>
        {
            http.Response.Headers.ETag = "\"own\"";
            await http.Response.WriteAsync("the page");
        });
        var run = await AskAsync(app, "\"own\"");

        Assert.Equal((304, "", "\"own\"", Stored), (run.Status, run.Body, run.Headers.ETag.ToString(), run.CacheStatus));
        Assert.Equal((200, "the page", "\"own\"", true), (await AskAsync(app)) switch { var hit => (hit.Status, hit.Body, hit.Headers.ETag.ToString(), hit.IsHit) });
    }

    [Theory]
    [InlineData(404)]
    [InlineData(410)]
    public async Task What_is_missing_is_never_not_modified(int status)
    {
        await using var app = await StartAsync(
            async http =>
            {
                http.Response.StatusCode = status;
                await http.Response.WriteAsync("missing");
            },
            route => route.NotFound = 60);
        var first = await AskAsync(app, "*");
        var hit = await AskAsync(app, first.Headers.ETag);

        Assert.Equal((status, "missing", false), (first.Status, first.Body, first.IsHit));
        Assert.Equal((status, "missing", true), (hit.Status, hit.Body, hit.IsHit));
    }

    [Fact]
    public async Task A_response_of_another_length_than_it_says_is_sent_as_it_is()
    {
        await using var app = await StartAsync(async http =>
        {
            http.Response.ContentLength = 100;
            await http.Response.WriteAsync("half");
        });

        Assert.Equal((200, "half"), (await AskAsync(app, "*")) switch { var run => (run.Status, run.Body) });
    }

    [Fact]
    public async Task A_response_without_body_has_none()
    {
        await using var app = await StartAsync(_ => Task.CompletedTask);

        Assert.Equal((200, ""), (await AskAsync(app, "*")) switch { var run => (run.Status, run.Headers.ETag.ToString()) });
        Assert.Equal((200, "", true), (await AskAsync(app)) switch { var hit => (hit.Status, hit.Headers.ETag.ToString(), hit.IsHit) });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_run_that_throws_leaves_nothing_of_what_it_wrote_to_the_error_page(bool hasCompression)
    {
        var fails = true;
        await using var app = await PageApp.StartAsync(
            (_, web) =>
            {
                web.MapGet("/p", async (HttpContext http) =>
                {
                    await http.Response.WriteAsync("half of ");
                    if (fails)
                    {
                        throw new InvalidOperationException("broken");
                    }
                }).CacheRoute(route => route.ETag = CacheRouteETag.Content);
                web.MapGet("/error", () => "sorry").CacheRoute(route => route.ETag = CacheRouteETag.Content);
            },
            services: services => services.AddResponseCompression(),
            pipeline: web => (hasCompression ? web.UseResponseCompression() : web).UseExceptionHandler("/error").UseRouting().UsePages());
        var failed = await AskAsync(app, encoding: "gzip");
        Assert.Equal((500, hasCompression ? "gzip" : "", ""), (failed.Status, failed.Headers.ContentEncoding.ToString(), failed.Headers.ETag.ToString()));
        Assert.Equal("sorry", (await AskAsync(app)).Body);
        fails = false;
        Assert.Equal(("half of ", false), (await AskAsync(app)) switch { var page => (page.Body, page.IsHit) });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_middleware_that_writes_an_error_page_itself_is_let_through(bool beginsWithBody)
    {
        await using var app = await StartAsync(
            async http =>
            {
                await http.Response.WriteAsync("half of ");
                throw new InvalidOperationException("broken");
            },
            pipeline: web => web.Use(async (context, next) =>
            {
                try
                {
                    await next(context);
                }
                catch (InvalidOperationException)
                {
                    context.Response.StatusCode = 500;
                    await (beginsWithBody ? context.Response.Body.WriteAsync("sorry"u8.ToArray()).AsTask() : context.Response.WriteAsync("sorry"));
                    await context.Response.BodyWriter.WriteAsync(" for "u8.ToArray());
                    await context.Response.Body.WriteAsync("that"u8.ToArray());
                }
            }).UsePages());
        var page = await AskAsync(app);

        Assert.Equal((500, "sorry for that", ""), (page.Status, page.Body, page.Headers.ETag.ToString()));
    }

    [Fact]
    public async Task A_middleware_that_buffers_and_one_that_adds_to_the_end_see_what_they_expect()
    {
        await using var app = await StartAsync(Text(() => "page"), pipeline: web => web
            .Use(async (context, next) =>
            {
                await next(context);
                await context.Response.WriteAsync(" end");
            })
            .UsePages()
            .Use(async (context, next) =>
            {
                var original = context.Response.Body;
                using var buffer = new MemoryStream();
                context.Response.Body = buffer;
                await next(context);
                context.Response.Body = original;
                await original.WriteAsync(buffer.ToArray());
                original.Flush();
            }));

        Assert.Equal("page end", (await AskAsync(app)).Body);
        Assert.Equal("page end", (await AskAsync(app)).Body);
    }

    [Fact]
    public async Task A_client_that_leaves_does_not_keep_the_page_from_the_others()
    {
        var entered = 0;
        using var gate = new SemaphoreSlim(0);
        await using var app = await StartAsync(async http =>
        {
            Interlocked.Increment(ref entered);
            await gate.WaitAsync(http.RequestAborted);
            await http.Response.WriteAsync("the page");
        });
        using var leaving = new CancellationTokenSource();
        var first = app.GetAsync("/p", cancellationToken: leaving.Token);
        await Poll.UntilAsync(() => Volatile.Read(ref entered) == 1, "the first runs");
        var second = AskAsync(app);
        await app.UntilWaitingAsync(1);
        await leaving.CancelAsync();
        gate.Release();

        Assert.Equal("the page", (await second).Body);
        Assert.Matches(Mark, (await second).Headers.ETag.ToString());
        Assert.Equal(1, entered);
        _ = await Record.ExceptionAsync(() => first);
    }

    [Fact]
    public async Task By_generation_a_run_answers_in_full_and_none_is_none()
    {
        await using var generation = await StartAsync(Text(() => "the page"), route => route.ETag = CacheRouteETag.Generation);
        var run = await AskAsync(generation, "*");
        await using var none = await StartAsync(Text(() => "the page"), route => route.ETag = CacheRouteETag.None);

        Assert.Equal((200, "the page"), (run.Status, run.Body));
        Assert.Matches("^W/\"[0-9a-f]{16}\"$", run.Headers.ETag.ToString());
        Assert.Equal("", (await AskAsync(none)).Headers.ETag.ToString());
        Assert.Equal("", (await AskAsync(none)).Headers.ETag.ToString());
    }
}
