using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.AspNetCore.ResponseCompression;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Larder.Tests;

/// <summary>How the middleware itself behaves without this package, where this package relies on it or mends it.</summary>
public sealed class MiddlewareFactsTests
{
    private static async Task<WebApplication> StartAsync(Action<WebApplication> map, Action<WebApplication>? pipeline = null, IOutputCacheStore? store = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseTestServer();
        builder.Logging.ClearProviders();
        builder.Services.AddOutputCache();
        if (store is not null)
        {
            builder.Services.AddSingleton(store);
        }

        builder.Services.AddResponseCompression(options => options.Providers.Add<GzipCompressionProvider>());
        var app = builder.Build();
        app.UseRouting();
        (pipeline ?? (web => web.UseOutputCache()))(app);
        map(app);
        await app.StartAsync();
        return app;
    }

    private static async Task<(int Status, string Body, IHeaderDictionary Headers)> GetAsync(WebApplication app, Action<HttpContext>? configure = null, CancellationToken cancellationToken = default)
    {
        var context = await app.GetTestServer().SendAsync(
            http =>
            {
                http.Request.Method = "GET";
                http.Request.Path = "/p";
                configure?.Invoke(http);
            },
            cancellationToken);
        using var reader = new StreamReader(context.Response.Body);
        return (context.Response.StatusCode, await reader.ReadToEndAsync(cancellationToken), context.Response.Headers);
    }

    [Fact]
    public async Task A_time_set_after_the_body_has_begun_is_ignored()
    {
        await using var app = await StartAsync(web => web.MapGet("/p", () => "body").CacheOutput(policy => policy.AddPolicy<LatePolicy>()));
        await GetAsync(app);

        // Had it counted, the page would have been gone at once. See RouteTests for this package's side.
        Assert.NotEqual("", (await GetAsync(app)).Headers.Age.ToString());
    }

    [Fact]
    public async Task A_response_that_was_cut_short_is_stored_by_the_framework()
    {
        var run = 0;
        var isIn = 0;
        var left = new TaskCompletionSource();
        var ended = 0;
        void Pipeline(WebApplication web) => web.Use(async (context, next) =>
        {
            try
            {
                await next(context);
            }
            finally
            {
                Interlocked.Increment(ref ended);
            }
        }).UseOutputCache();
        async Task AnswerAsync(HttpContext http)
        {
            if (Interlocked.Increment(ref run) > 1)
            {
                await http.Response.WriteAsync("whole");
                return;
            }

            await http.Response.Body.WriteAsync("half of "u8.ToArray(), CancellationToken.None);
            Volatile.Write(ref isIn, 1);
            http.RequestAborted.Register(left.SetResult);
            await left.Task;
        }

        await using var framework = await StartAsync(web => web.MapGet("/p", AnswerAsync).CacheOutput(), Pipeline);
        async Task LeaveAsync(Func<CancellationToken, Task> ask)
        {
            using var source = new CancellationTokenSource();
            (run, isIn, ended, left) = (0, 0, 0, new TaskCompletionSource());
            var first = ask(source.Token);
            await Poll.UntilAsync(() => Volatile.Read(ref isIn) == 1, "the first run has written");
            await source.CancelAsync();
            _ = await Record.ExceptionAsync(() => first);
            await Poll.UntilAsync(() => Volatile.Read(ref ended) == 1, "the first run has ended");
        }

        await LeaveAsync(token => GetAsync(framework, cancellationToken: token));
        Assert.Equal("half of ", (await GetAsync(framework)).Body);

        await using var larder = await PageApp.StartAsync((_, web) => web.MapGet("/p", AnswerAsync).CacheOutput(), pipeline: Pipeline);
        await LeaveAsync(token => larder.GetAsync("/p", cancellationToken: token));
        Assert.Equal("whole", (await larder.GetAsync("/p")).Body);
        Assert.Equal("whole", (await larder.GetAsync("/p")).Body);
    }

    [Fact]
    public async Task A_client_that_leaves_fails_those_who_wait_in_the_framework()
    {
        var entered = 0;
        var parked = 0;
        using var gate = new SemaphoreSlim(0);
        await using var app = await StartAsync(
            web => web.MapGet("/p", async (HttpContext http) =>
            {
                Interlocked.Increment(ref entered);
                await gate.WaitAsync(http.RequestAborted);
                return "body";
            }).CacheOutput(),
            web => web.Use((context, next) =>
            {
                var rest = next(context);
                Interlocked.Increment(ref parked);
                return rest;
            }).UseOutputCache());
        using var leaving = new CancellationTokenSource();
        var first = GetAsync(app, cancellationToken: leaving.Token);
        await Poll.UntilAsync(() => Volatile.Read(ref entered) == 1, "the first runs");
        var second = GetAsync(app);
        await Poll.UntilAsync(() => Volatile.Read(ref parked) == 2, "the second waits");
        await leaving.CancelAsync();

        // See PageLoadContract for this package's side.
        Assert.NotNull(await Record.ExceptionAsync(() => second));
        Assert.NotNull(await Record.ExceptionAsync(() => first));
    }

    [Fact]
    public async Task Compression_inside_the_cache_gives_a_client_what_it_cannot_read()
    {
        await using var app = await StartAsync(
            web => web.MapGet("/p", async (HttpContext http) =>
            {
                http.Response.ContentType = "text/plain";
                await http.Response.WriteAsync(new string('x', 10_000));
            }).CacheOutput(),
            web => web.UseOutputCache().UseResponseCompression());
        await GetAsync(app, http => http.Request.Headers.AcceptEncoding = "gzip");
        var plain = await GetAsync(app);

        // See FrameworkFactsTests for this package's side.
        Assert.Equal("gzip", plain.Headers.ContentEncoding);
    }

    [Fact]
    public async Task Age_is_on_hits_but_not_on_304()
    {
        await using var app = await StartAsync(web => web.MapGet("/p", (HttpContext http) =>
        {
            http.Response.Headers.ETag = "\"one\"";
            return "body";
        }).CacheOutput());
        await GetAsync(app);
        var hit = await GetAsync(app);
        var notModified = await GetAsync(app, http => http.Request.Headers.IfNoneMatch = "\"one\"");

        Assert.Equal(200, hit.Status);
        Assert.Matches("^[0-9]+$", hit.Headers.Age.ToString());
        Assert.Equal((304, ""), (notModified.Status, notModified.Headers.Age.ToString()));
    }

    [Fact]
    public async Task A_run_answers_in_full_whatever_the_client_has()
    {
        await using var app = await StartAsync(web => web.MapGet("/p", (HttpContext http) =>
        {
            http.Response.Headers.ETag = "\"one\"";
            return "body";
        }).CacheOutput());

        // See ContentETagTests for this package's side.
        Assert.Equal((200, "body"), (await GetAsync(app, http => http.Request.Headers.IfNoneMatch = "\"one\"")) switch { var run => (run.Status, run.Body) });
    }

    [Fact]
    public async Task A_request_that_wants_no_cache_gets_the_page()
    {
        static void Ask(HttpContext http) => http.Request.Headers.CacheControl = "no-cache";
        await using var framework = await StartAsync(web => web.MapGet("/p", () => $"{Guid.NewGuid()}").CacheOutput());
        Assert.Equal((await GetAsync(framework)).Body, (await GetAsync(framework, Ask)).Body);

        // The same here: a client has no say in how much the application computes.
        await using var larder = await PageApp.StartAsync((_, web) => web.MapGet("/p", () => $"{Guid.NewGuid()}").CacheRoute());
        Assert.Equal((await larder.GetAsync("/p")).Body, (await larder.GetAsync("/p", configure: Ask)).Body);
    }

    [Fact]
    public async Task Only_the_array_of_a_page_is_asked_for()
    {
        var store = new ListedStore();
        await using var app = await StartAsync(web => web.MapGet("/p", () => "body").CacheOutput(), store: store);
        await GetAsync(app);

        // See StoreContract for this package's side: A_hit_in_memory_is_the_very_array, A_pipe_gets_the_bytes_too.
        Assert.NotEqual("", (await GetAsync(app)).Headers.Age.ToString());
        Assert.Equal(["GetAsync", "SetAsync of a buffer", "GetAsync"], store.Calls);
    }

    [Fact]
    public async Task A_client_that_leaves_ends_the_look_of_others_too_in_the_framework()
    {
        var parked = 0;
        var store = new ListedStore();
        await using var app = await StartAsync(
            web => web.MapGet("/p", () => $"{Guid.NewGuid()}").CacheOutput(),
            web => web.Use((context, next) =>
            {
                var rest = next(context);
                Interlocked.Increment(ref parked);
                return rest;
            }).UseOutputCache(),
            store);
        var stored = await GetAsync(app);
        store.Hold = token => Task.Delay(Timeout.Infinite, token);
        using var leaving = new CancellationTokenSource();
        var first = GetAsync(app, cancellationToken: leaving.Token);
        await Poll.UntilAsync(() => Volatile.Read(ref parked) == 2, "the first looks");
        var second = GetAsync(app);
        await Poll.UntilAsync(() => Volatile.Read(ref parked) == 3, "the second waits for what the first finds");
        Assert.Equal(["GetAsync", "SetAsync of a buffer", "GetAsync"], store.Calls);
        await leaving.CancelAsync();
        _ = await Record.ExceptionAsync(() => first);

        // The page is there, and it is computed nevertheless. See LookUpTests for this package's side.
        Assert.NotEqual(stored.Body, (await second).Body);
    }

    private sealed class ListedStore : IOutputCacheBufferStore
    {
        private readonly ConcurrentDictionary<string, byte[]> _pages = new();

        public ConcurrentQueue<string> Calls { get; } = [];

        public Func<CancellationToken, Task> Hold { get; set; } = _ => Task.CompletedTask;

        public async ValueTask<byte[]?> GetAsync(string key, CancellationToken cancellationToken)
        {
            Calls.Enqueue("GetAsync");
            await Hold(cancellationToken);
            return _pages.GetValueOrDefault(key);
        }

        public ValueTask SetAsync(string key, ReadOnlySequence<byte> value, ReadOnlyMemory<string> tags, TimeSpan validFor, CancellationToken cancellationToken)
        {
            Calls.Enqueue("SetAsync of a buffer");
            _pages[key] = value.ToArray();
            return default;
        }

        public ValueTask<bool> TryGetAsync(string key, PipeWriter destination, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask SetAsync(string key, byte[] value, string[]? tags, TimeSpan validFor, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask EvictByTagAsync(string tag, CancellationToken cancellationToken) => throw new NotSupportedException();
    }

    private sealed class LatePolicy : IOutputCachePolicy
    {
        public ValueTask CacheRequestAsync(OutputCacheContext context, CancellationToken cancellation) => default;

        public ValueTask ServeFromCacheAsync(OutputCacheContext context, CancellationToken cancellation) => default;

        public ValueTask ServeResponseAsync(OutputCacheContext context, CancellationToken cancellation)
        {
            context.ResponseExpirationTimeSpan = TimeSpan.FromTicks(1);
            return default;
        }
    }
}
