using System.Runtime.InteropServices;
using Larder.Http;
using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Xunit;

namespace Larder.Tests;

/// <summary>How the body of a page that is served ahead is sent.</summary>
public sealed class PageBodyTests
{
    [Fact]
    public async Task A_long_page_is_sent_in_slices_of_the_array_in_memory()
    {
        var body = new byte[200_000];
        new Random(1).NextBytes(body);
        var target = new SlowStream();
        await using var app = await PageApp.StartAsync((_, web) => web.MapGet("/p", () => Results.Bytes(body)).CacheRoute(), pipeline: web => web.Use((http, next) =>
        {
            if (http.Request.Headers.ContainsKey("X-Slow"))
            {
                http.Response.Body = target;
            }

            return next(http);
        }).UseLarderOutputCache());
        await app.GetAsync("/p");
        var request = app.GetAsync("/p", configure: http => http.Request.Headers["X-Slow"] = "1");
        var content = app.Store.Engine.Memory.Entries.OfType<Engine.ValueEntry<Page>>().Single().Value.Content;
        var sent = new List<byte>();
        while (sent.Count < body.Length)
        {
            // The next is not offered before the last was taken.
            await Poll.UntilAsync(() => target.Pending.Length > 0, "a slice is written");
            Assert.True(target.Pending.Length <= 65_536 && MemoryMarshal.TryGetArray(target.Pending, out var slice) && slice.Array == content, $"{target.Pending.Length} bytes of another array");
            sent.AddRange(target.Pending.Span);
            target.Take();
        }

        Assert.Equal(200, (await request).Status);
        Assert.Equal(body, sent);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_client_that_leaves_while_the_page_is_written_ends_its_request(bool isAhead)
    {
        var target = new SlowStream();
        var isAborted = false;
        var ended = new TaskCompletionSource<Exception?>();
        using var leaves = new CancellationTokenSource();
        await using var app = await PageApp.StartAsync((_, web) => web.MapGet("/p", () => new string('x', 100_000)).CacheRoute(), pipeline: web => _ = web.Use(async (http, next) =>
        {
            if (!http.Request.Headers.ContainsKey("X-Slow"))
            {
                await next(http);
                return;
            }

            http.Response.Body = target;
            http.Features.Set<IHttpRequestLifetimeFeature>(new Lifetime(() => isAborted = true, leaves.Token));
            ended.SetResult(await Record.ExceptionAsync(() => next(http)));
        }) switch { var before => isAhead ? before.UseLarderOutputCache() : before.UseOutputCache() });
        await app.GetAsync("/p");
        var request = app.GetAsync("/p", configure: http => http.Request.Headers["X-Slow"] = "1");
        await Poll.UntilAsync(() => target.Pending.Length > 0, "the page is written");
        await leaves.CancelAsync();

        Assert.Null(await ended.Task);
        Assert.True(isAborted);
        await request;
        Assert.True((await app.GetAsync("/p")).IsHit);
    }

    private sealed class Lifetime(Action abort, CancellationToken left) : IHttpRequestLifetimeFeature
    {
        public CancellationToken RequestAborted { get; set; } = left;

        public void Abort() => abort();
    }

    /// <summary>Takes one write at a time, when it is told to.</summary>
    private sealed class SlowStream : MemoryStream
    {
        private TaskCompletionSource _taken = new();
        private volatile object _pending = ReadOnlyMemory<byte>.Empty;

        public ReadOnlyMemory<byte> Pending => (ReadOnlyMemory<byte>)_pending;

        public void Take()
        {
            var taken = _taken;
            (_taken, _pending) = (new TaskCompletionSource(), ReadOnlyMemory<byte>.Empty);
            taken.SetResult();
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var taken = _taken.Task;
            _pending = buffer;
            await taken.WaitAsync(cancellationToken);
        }
    }
}
