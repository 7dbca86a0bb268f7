using System.Net.ServerSentEvents;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Channels;
using Larder.Diagnostics;
using Larder.Engine;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Larder.Dashboard;

/// <summary>Tells open pages what is new, by server-sent events: all of them the same, written once.</summary>
/// <remarks>
/// <para><b>Events.</b> <c>history</c> first, with what was noted before; then a <c>sample</c> in each interval, which is a sign of life as well; a <c>state</c> now and then.</para>
/// <para><b>Bounds.</b> So many pages at most; what waits for a slow one is bounded, and one that does not keep up is ended, and opens again. A look at all entries in memory, for
/// <c>state</c>, takes place only while a page is open and takes a twentieth of the time at most.</para>
/// <para><b>Ends.</b> A stream ends after a while, and its page opens another: so whoever may no longer see it does not see it for long.</para>
/// <para><b>Threads.</b> Samples are taken by one loop. It and those who connect meet under the lock, so a page gets each sample once: in its history or after it.</para>
/// </remarks>
internal sealed class DashboardFeed(IServiceProvider provider, LarderDashboardOptions options, TimeProvider time, ILogger logger)
{
    private const int Waiting = 64;
    private const int Listed = 200;

    private static readonly TimeSpan IdleInterval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan StateInterval = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan LongestStream = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Reconnection = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly List<Page> _pages = [];
    private readonly RecentInvalidations _invalidations = new();
    private LoadHistory? _history;
    private SseItem<string>? _lastState;
    private long _toldInvalidations;
    private TaskCompletionSource _wake = NewWake();
    private bool _ended;

    /// <param name="stopping">Ends when the application does; <see cref="Stop"/> is to be called then, too.</param>
    public void Start(CancellationToken stopping)
    {
        using (ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow())
        {
            // Up to their first wait they run here: what happens from now on is noted.
            _ = GuardedAsync(RunAsync);
            _ = GuardedAsync(() => ReadInvalidationsAsync(stopping));
        }
    }

    /// <summary>Ends the pages' streams, so that the host need not wait for them.</summary>
    public void Stop()
    {
        lock (_lock)
        {
            _ended = true;
            foreach (var page in _pages)
            {
                page.Events.Writer.TryComplete();
            }

            _wake.TrySetResult();
        }
    }

    public async Task ServeAsync(HttpContext context)
    {
        // A page of another site cannot read what it opens, but would take the places of those who can.
        if (RequestOrigin.IsElsewhere(context.Request))
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }

        if (Connect() is not { } page)
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            context.Response.Headers.RetryAfter = "10";
            return;
        }

        // Nginx collects what it passes on unless it is told otherwise, and nothing would arrive for minutes.
        context.Response.Headers["X-Accel-Buffering"] = "no";
        try
        {
            await TypedResults.ServerSentEvents(page.Events.Reader.ReadAllAsync(context.RequestAborted)).ExecuteAsync(context).ConfigureAwait(false);
        }
        finally
        {
            lock (_lock)
            {
                _pages.Remove(page);
            }
        }
    }

    private Page? Connect()
    {
        lock (_lock)
        {
            if (_ended || _pages.Count >= options.MaximumConnections)
            {
                return null;
            }

            var page = new Page(Channel.CreateBounded<SseItem<string>>(new BoundedChannelOptions(Waiting) { SingleReader = true }), time.GetTimestamp());
            page.Events.Writer.TryWrite(Event(
                "history",
                new HistoryDocument(options.SampleInterval.TotalSeconds, options.AllowValues, _history?.Names ?? [], _history?.Samples ?? [], _invalidations.UpTo(_toldInvalidations)),
                DashboardJson.Default.HistoryDocument));
            if (_lastState is { } state)
            {
                page.Events.Writer.TryWrite(state);
            }

            _pages.Add(page);
            if (_pages.Count == 1)
            {
                _wake.TrySetResult();
            }

            return page;
        }
    }

    private async Task RunAsync()
    {
        var history = new LoadHistory(provider.GetRequiredService<CacheEngine>(), time);
        history.Begin();
        lock (_lock)
        {
            _history = history;
        }

        var nextState = time.GetTimestamp();
        while (true)
        {
            await WaitAsync().ConfigureAwait(false);
            bool isOpen;
            lock (_lock)
            {
                if (_ended)
                {
                    return;
                }

                isOpen = _pages.Count != 0;
                TellSample(history);
            }

            if (isOpen && time.GetTimestamp() >= nextState)
            {
                nextState = await TellStateAsync().ConfigureAwait(false);
            }
        }
    }

    // Nobody awaits it, so what ends it is said here.
    private async Task GuardedAsync(Func<Task> run)
    {
        try
        {
            await run().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            logger.DashboardEnded(exception);
        }
    }

    // Until the next sample is due, or the first page is opened.
    private Task WaitAsync()
    {
        lock (_lock)
        {
            if (_wake.Task.IsCompleted && !_ended)
            {
                _wake = NewWake();
            }

            return SilentlyAsync(_wake.Task.WaitAsync(_pages.Count == 0 ? IdleInterval : options.SampleInterval, time));
        }

        static async Task SilentlyAsync(Task wait) => await wait.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void TellSample(LoadHistory history)
    {
        var (sample, names) = history.Take();
        var invalidations = _invalidations.After(_toldInvalidations);
        _toldInvalidations = invalidations.Count == 0 ? _toldInvalidations : invalidations[^1].Number;
        if (_pages.Count != 0)
        {
            Tell(Event("sample", new SampleDocument(sample, names, invalidations), DashboardJson.Default.SampleDocument));
        }
    }

    /// <summary>Tells what memory holds and how this node stands, and says when to do so again.</summary>
    private async Task<long> TellStateAsync()
    {
        var pause = StateInterval;
        try
        {
            var state = await provider.GetRequiredService<NodeStateReader>().ReadAsync(CancellationToken.None).ConfigureAwait(false);
            var began = time.GetTimestamp();
            var item = Event("state", StatisticsDocument.Of(provider.GetRequiredService<ICacheAdmin>().GetStatistics(), state, Listed), DashboardJson.Default.StatisticsDocument);
            lock (_lock)
            {
                _lastState = item;
                Tell(item);
            }

            var took = 19 * time.GetElapsedTime(began);
            pause = took > pause ? took : pause;
        }
        catch (Exception exception)
        {
            // A store of the application's may throw anything; the samples go on.
            logger.DashboardFailed(exception);
        }

        return time.GetTimestamp() + (long)(pause.TotalSeconds * time.TimestampFrequency);
    }

    private void Tell(SseItem<string> item)
    {
        foreach (var page in _pages)
        {
            if (!page.Events.Writer.TryWrite(item) || time.GetElapsedTime(page.OpenedAt) > LongestStream)
            {
                page.Events.Writer.TryComplete();
            }
        }
    }

    private async Task ReadInvalidationsAsync(CancellationToken stopping)
    {
        try
        {
            await foreach (var invalidation in provider.GetRequiredService<ICacheNotifications>().ReadInvalidationsAsync(null, stopping).ConfigureAwait(false))
            {
                _invalidations.Add(invalidation);
            }
        }
        catch (OperationCanceledException)
        {
            // The application ends.
        }
    }

    private sealed record Page(Channel<SseItem<string>> Events, long OpenedAt);

    private static TaskCompletionSource NewWake() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static SseItem<string> Event<T>(string name, T document, JsonTypeInfo<T> type) => new(JsonSerializer.Serialize(document, type), name) { ReconnectionInterval = Reconnection };
}

/// <summary>What a page is told first.</summary>
internal sealed record HistoryDocument(double IntervalSeconds, bool AllowsValues, IReadOnlyList<SeriesName> Names, IReadOnlyCollection<LoadSample> Samples, IReadOnlyList<InvalidationDocument> Invalidations);

/// <summary>What a page is told in each interval.</summary>
internal sealed record SampleDocument(LoadSample Sample, IReadOnlyList<SeriesName> NewNames, IReadOnlyList<InvalidationDocument> Invalidations);
