using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Larder.Tests;

/// <summary>What those who wait for a page wait for, and how long.</summary>
public sealed class WaitTests : IAsyncLifetime
{
    private readonly PageBackend _backend = new(null);
    private readonly SemaphoreSlim _gate = new(0);
    private int _entered;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        _gate.Release(100);
        await _backend.DisposeAsync();
        _gate.Dispose();
    }

    private Task UntilEnteredAsync(int count) => Poll.UntilAsync(() => Volatile.Read(ref _entered) == count, $"run {count} has begun");

    // The first runs are held; the others end at once.
    private Task<PageApp> StartAsync(Func<HttpContext, Task> first, Action<CacheRouteAttribute>? route = null, Action<LarderOptions>? options = null, int held = 1) => _backend.StartAsync(
        (_, web) => web.MapGet("/{page}", async (HttpContext http) =>
        {
            var run = Interlocked.Increment(ref _entered);
            if (run <= held)
            {
                await first(http);
            }

            await http.Response.WriteAsync($"run {run}");
        }).CacheRoute(attribute =>
        {
            attribute.Duration = 60;
            route?.Invoke(attribute);
        }),
        options: options);

    [Theory]
    [InlineData(CacheRouteETag.Generation)]
    [InlineData(CacheRouteETag.Content)]
    public async Task Nobody_waits_for_the_end_of_a_response_that_is_known_not_to_be_for_others(CacheRouteETag etag)
    {
        var app = await StartAsync(
            async http =>
            {
                // As events are sent.
                http.Response.Headers.CacheControl = "no-store";
                await http.Response.WriteAsync("data: 1\n\n");
                await http.Response.Body.FlushAsync();
                await _gate.WaitAsync(http.RequestAborted);
            },
            route => route.ETag = etag);
        var endless = app.GetAsync("/p");
        await UntilEnteredAsync(1);
        var waiting = app.GetAsync("/p");

        Assert.Equal("run 2", (await waiting.WaitAsync(TimeSpan.FromSeconds(60))).Body);
        _gate.Release();
        Assert.Equal("data: 1\n\nrun 1", (await endless).Body);
    }

    [Fact]
    public async Task Nobody_waits_for_ever_for_a_run_that_does_not_end()
    {
        // Whose patience ends after six times that, and a second.
        var app = await StartAsync(http => _gate.WaitAsync(http.RequestAborted), options: options => options.LeaseDuration = TimeSpan.FromMilliseconds(500));
        var first = app.GetAsync("/p");
        await UntilEnteredAsync(1);
        var waiting = Enumerable.Range(0, 5).Select(_ => app.GetAsync("/p")).ToArray();
        await app.UntilWaitingAsync(5);
        await _backend.AdvanceAsync(TimeSpan.FromSeconds(3));

        // One of them computes the page for all; nobody runs for itself.
        Assert.All(await Task.WhenAll(waiting).WaitAsync(TimeSpan.FromSeconds(60)), answer => Assert.Equal("run 2", answer.Body));
        Assert.True((await app.GetAsync("/p")).IsHit);
        _gate.Release();
        Assert.Equal("run 1", (await first).Body);
        Assert.True((await app.GetAsync("/p")).IsHit);
    }

    [Fact]
    public async Task A_request_whose_client_is_there_is_not_aborted_because_the_cache_does_not_wait_for_it()
    {
        var aborted = 0;
        var app = await StartAsync(
            async http =>
            {
                await _gate.WaitAsync();
                Interlocked.Add(ref aborted, http.RequestAborted.IsCancellationRequested ? 1 : 0);
            },
            options: options => (options.HardTimeout, options.MaximumBackgroundLoads) = (TimeSpan.FromSeconds(2), 1),
            held: 3);
        var requests = Enumerable.Range(0, 3).Select(page => app.GetAsync($"/{page}")).ToArray();
        await UntilEnteredAsync(3);

        // One of the loads may go on in the background; for the others there is no place.
        await _backend.AdvanceAsync(TimeSpan.FromSeconds(5));
        await Poll.UntilAsync(() => app.Store.Engine is { RefreshCount: 1, Flights.Count: 1 }, "the cache waits for none");
        _gate.Release(3);

        Assert.Equal(["run 1", "run 2", "run 3"], (await Task.WhenAll(requests)).Select(answer => answer.Body).Order());
        Assert.Equal(0, aborted);
    }
}
