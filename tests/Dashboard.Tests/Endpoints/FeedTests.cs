using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json;
using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Xunit;

namespace Larder.Tests;

/// <summary>What an open page is told, and how that ends.</summary>
public sealed class FeedTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_page_is_told_what_was_what_is_and_how_the_node_stands()
    {
        await using var app = await StartAsync();
        await using var page = await FeedReader.OpenAsync(app);
        var history = await page.NextAsync("history");
        Assert.Equal(0.25, history.GetProperty("intervalSeconds").GetDouble());
        var state = await page.NextAsync("state");
        Assert.True(state.GetProperty("isCounting").GetBoolean());

        using (CacheScope.Use(new CacheScope("acme", null, "<orders>")))
        {
            await app.Cache.GetOrCreateAsync("k", _ => ValueTask.FromResult(1));
            await app.Cache.GetOrCreateAsync("k", _ => ValueTask.FromResult(1));
            await app.Cache.RemoveByTagAsync("a tag");
        }

        long hits = 0, reads = 0, loads = 0;
        var names = new List<string?>();
        var tags = new List<string?>();
        while (reads < 2 || tags.Count < 1)
        {
            var sample = await page.NextAsync("sample");
            var total = sample.GetProperty("sample").GetProperty("total");
            hits += total.GetProperty("hits").GetInt64();
            reads += total.GetProperty("reads").GetInt64();
            loads += total.GetProperty("loads").GetInt64();
            names.AddRange(sample.GetProperty("newNames").EnumerateArray().Select(each => each.GetProperty("name").GetString()));
            tags.AddRange(sample.GetProperty("invalidations").EnumerateArray().Select(each => each.GetProperty("name").GetString()));
        }

        Assert.Equal((1, 2, 1), (hits, reads, loads));
        Assert.Equal("<orders>", Assert.Single(names));
        Assert.Equal("a tag", Assert.Single(tags));
        Assert.DoesNotContain("<orders>", page.Raw, StringComparison.Ordinal);

        await using var later = await FeedReader.OpenAsync(app);
        history = await later.NextAsync("history");
        Assert.Equal("<orders>", Assert.Single(history.GetProperty("names").EnumerateArray()).GetProperty("name").GetString());
        Assert.Equal("a tag", Assert.Single(history.GetProperty("invalidations").EnumerateArray()).GetProperty("name").GetString());
        Assert.Equal(2, history.GetProperty("samples").EnumerateArray().Sum(sample => sample.GetProperty("total").GetProperty("reads").GetInt64()));
    }

    [Fact]
    public async Task Every_page_is_told_each_invalidation_once_whenever_it_was_opened()
    {
        await using var app = await StartAsync();
        var pages = new List<FeedReader>();
        for (var i = 0; i < 20; i++)
        {
            await app.Cache.RemoveByTagAsync($"tag {i}");
            pages.Add(await FeedReader.OpenAsync(app));
        }

        await app.Cache.RemoveByTagAsync("last");
        foreach (var page in pages)
        {
            var names = new List<string?>();
            while (!names.Contains("last"))
            {
                names.AddRange((await page.NextAsync("history", "sample")).GetProperty("invalidations").EnumerateArray().Select(each => each.GetProperty("name").GetString()));
            }

            Assert.Equal([.. Enumerable.Range(0, 20).Select(i => $"tag {i}"), "last"], names);
            await page.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_stream_ends_after_a_while_so_that_its_page_asks_for_permission_again()
    {
        var time = new FakeTimeProvider();
        await using var app = await DashboardApp.StartAsync(
            web => web.MapLarderDashboard(configure: options => options.SampleInterval = TimeSpan.FromSeconds(10)).AllowAnonymous(),
            larder: larder => larder.Services.Replace(ServiceDescriptor.Singleton<TimeProvider>(time)));
        await using var page = await FeedReader.OpenAsync(app);
        var passed = TimeSpan.Zero;
        var hasEnded = false;

        // Time goes on as samples are read: a page that does not keep up would be ended for that.
        while (!hasEnded && passed < TimeSpan.FromHours(1))
        {
            hasEnded = !await NextAsync();
        }

        Assert.True(hasEnded && passed > TimeSpan.FromMinutes(9.5), $"After {passed} it has ended: {hasEnded}.");

        async Task<bool> NextAsync()
        {
            var next = page.TryNextAsync("sample");
            do
            {
                time.Advance(TimeSpan.FromSeconds(1));
                passed += TimeSpan.FromSeconds(1);
            }
            while (await Task.WhenAny(next, Task.Delay(20)) != next);
            return await next is not null;
        }
    }

    [Fact]
    public async Task More_pages_than_allowed_are_refused_until_one_is_closed()
    {
        await using var app = await StartAsync(maximum: 2);
        await using var first = await FeedReader.OpenAsync(app);
        var second = await FeedReader.OpenAsync(app);

        using (var third = await app.SendAsync(HttpMethod.Get, "/larder/events"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, third.StatusCode);
            Assert.Equal("10", Assert.Single(third.Headers.GetValues("Retry-After")));
        }

        await second.DisposeAsync();
        await Poll.UntilAsync(
            async () =>
            {
                using var another = await app.SendAsync(HttpMethod.Get, "/larder/events");
                return another.StatusCode == HttpStatusCode.OK;
            },
            "there is room again");
    }

    [Theory]
    [InlineData("Sec-Fetch-Site", "cross-site")]
    [InlineData("Origin", "https://evil.example")]
    public async Task A_page_of_another_site_takes_no_place(string header, string value)
    {
        await using var app = await StartAsync(maximum: 1);
        using var elsewhere = await app.SendAsync(HttpMethod.Get, "/larder/events", null, (header, value));
        using var ours = await app.SendAsync(HttpMethod.Get, "/larder/events", null, ("Sec-Fetch-Site", "same-origin"));

        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.OK), (elsewhere.StatusCode, ours.StatusCode));
    }

    [Fact]
    public async Task A_proxy_is_asked_not_to_hold_events_back()
    {
        await using var app = await StartAsync();
        using var page = await app.SendAsync(HttpMethod.Get, "/larder/events");

        Assert.Equal("no", Assert.Single(page.Headers.GetValues("X-Accel-Buffering")));
    }

    [Fact]
    public async Task An_application_that_stops_does_not_wait_for_open_pages()
    {
        await using var app = await StartAsync();
        await using var page = await FeedReader.OpenAsync(app);
        await page.NextAsync("sample");

        // The host waits 30 s for requests that do not end.
        var stopping = app.StopAsync();
        Assert.True(await page.EndsAsync().WaitAsync(Patience), "The stream ends as one that is complete.");
        await stopping.WaitAsync(Patience);
    }

    private static Task<DashboardApp> StartAsync(int maximum = 32) => DashboardApp.StartAsync(web => web.MapLarderDashboard(configure: options =>
    {
        options.SampleInterval = TimeSpan.FromMilliseconds(250);
        options.MaximumConnections = maximum;
    }).AllowAnonymous());

    /// <summary>Reads events until one of a name comes.</summary>
    private sealed class FeedReader(HttpResponseMessage response, IAsyncEnumerator<SseItem<string>> events) : IAsyncDisposable
    {
        public string Raw { get; private set; } = "";

        public static async Task<FeedReader> OpenAsync(DashboardApp app)
        {
            var response = await app.SendAsync(HttpMethod.Get, "/larder/events");
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
            var stream = await response.Content.ReadAsStreamAsync();
            return new FeedReader(response, SseParser.Create(stream).EnumerateAsync().GetAsyncEnumerator());
        }

        public async Task<JsonElement> NextAsync(params string[] names) =>
            await TryNextAsync(names) ?? throw new InvalidOperationException($"The stream has ended before '{string.Join("' or '", names)}'.");

        /// <summary>The next event of a name, or null when the stream has ended.</summary>
        public async Task<JsonElement?> TryNextAsync(params string[] names)
        {
            while (await events.MoveNextAsync().AsTask().WaitAsync(Patience))
            {
                Raw += events.Current.Data;
                if (names.Contains(events.Current.EventType))
                {
                    return JsonDocument.Parse(events.Current.Data).RootElement;
                }
            }

            return null;
        }

        public async Task<bool> EndsAsync()
        {
            while (await events.MoveNextAsync())
            {
            }

            return true;
        }

        public async ValueTask DisposeAsync()
        {
            response.Dispose();
            try
            {
                await events.DisposeAsync();
            }
            catch (Exception exception) when (exception is NotSupportedException or IOException)
            {
                // It was being read.
            }
        }
    }
}
