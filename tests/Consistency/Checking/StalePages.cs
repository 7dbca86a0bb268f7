using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Larder.Consistency.Nodes;
using Larder.Tests.Shared;

namespace Larder.Consistency.Checking;

/// <summary>
/// Web applications in processes of their own, read and changed over HTTP at once. A page may not be older than the last change that was acknowledged before it was asked for:
/// at once on the application that made the change, and within a window on the others.
/// </summary>
/// <param name="server">Where the processes share entries; ends with this.</param>
internal sealed class StalePages(ITestServer server) : IAsyncDisposable
{
    public int Processes { get; init; } = 2;

    public int Requests { get; init; } = 100_000;

    public int Readers { get; init; } = 16;

    public int Changers { get; init; } = 4;

    public int Pages { get; init; } = 52;

    /// <summary>Pages do not say what they show, so changes do not reach them. Must be found out.</summary>
    public bool Broken { get; init; }

    /// <summary>Within which the other applications have to follow.</summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The server is killed again and again, and comes back with what it had; must be a <see cref="Server"/>.</summary>
    public bool Outages { get; init; }

    /// <summary>How long the server is dead each time.</summary>
    public TimeSpan OutageDuration { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Between two outages: long enough that a change which was lost in one comes to light by then.</summary>
    public TimeSpan OutagePause { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Between two changes.</summary>
    public TimeSpan Pace { get; init; } = TimeSpan.FromMilliseconds(2);

    public async Task<PageVerdict> RunAsync()
    {
        var file = Path.GetTempFileName();
        var processes = new List<ChildProcess>();
        try
        {
            for (var i = 0; i < Processes; i++)
            {
                processes.Add(new ChildProcess("pages-node", server.ConnectionString, file, Pages.ToString(CultureInfo.InvariantCulture), Broken.ToString()));
            }

            var addresses = await Task.WhenAll(processes.Select(process => process.HearAsync("ready")));
            using var handler = new SocketsHttpHandler { UseCookies = false };
            var clients = addresses.Select(address => new HttpClient(handler, disposeHandler: false) { BaseAddress = new Uri(address) }).ToArray();
            return await RunAsync(clients);
        }
        finally
        {
            foreach (var process in processes)
            {
                await process.DisposeAsync();
            }

            File.Delete(file);
        }
    }

    public ValueTask DisposeAsync() => server.DisposeAsync();

    private async Task<PageVerdict> RunAsync(HttpClient[] clients)
    {
        var verdict = new PageVerdict();
        var changes = Enumerable.Range(0, Pages).Select(_ => new Changes()).ToArray();
        var left = Requests;
        using var over = new CancellationTokenSource();
        var changing = Task.WhenAll(Enumerable.Range(0, Changers).Select(changer => ChangeAsync(clients, changes, changer, verdict, over.Token)));
        var outages = Outages ? BreakAsync(verdict, over.Token) : Task.CompletedTask;
        await Task.WhenAll(Enumerable.Range(0, Readers).Select(reader => Task.Run(async () =>
        {
            var random = new Random(reader);
            while (Interlocked.Decrement(ref left) >= 0)
            {
                var (node, page) = (random.Next(clients.Length), random.Next(Pages));
                var asked = Stopwatch.GetTimestamp();
                using var response = await clients[node].GetAsync(Address(page));
                verdict.Answered(response, Stopwatch.GetElapsedTime(asked));
                if (!response.IsSuccessStatusCode)
                {
                    continue;
                }

                var number = long.Parse(await response.Content.ReadAsStringAsync(), CultureInfo.InvariantCulture);
                var isHit = response.Headers.TryGetValues("Cache-Status", out var status) && status.Any(text => text.Contains("hit", StringComparison.Ordinal));
                verdict.Read(isHit, changes[page].Judge(node, number, asked), Window, string.Create(CultureInfo.InvariantCulture, $"page {page} of application {node} with {number}"));
            }
        })));
        await over.CancelAsync();
        await changing;
        await outages;
        return verdict;
    }

    private async Task ChangeAsync(HttpClient[] clients, Changes[] changes, int changer, PageVerdict verdict, CancellationToken over)
    {
        var random = new Random(-1 - changer);
        while (!over.IsCancellationRequested)
        {
            // Each page is changed by one of them alone, so that the changes of a page are acknowledged in their order.
            var (node, page) = (random.Next(clients.Length), (random.Next(Pages / Changers) * Changers) + changer);
            var asked = Stopwatch.GetTimestamp();
            using var response = await clients[node].PostAsync(Address(page), null, CancellationToken.None);
            verdict.Answered(response, Stopwatch.GetElapsedTime(asked));
            if (response.IsSuccessStatusCode)
            {
                changes[page].Acknowledged(node, long.Parse(await response.Content.ReadAsStringAsync(CancellationToken.None), CultureInfo.InvariantCulture), Stopwatch.GetTimestamp());
                verdict.Changed();
            }

            await Task.Delay(Pace, CancellationToken.None);
        }
    }

    private async Task BreakAsync(PageVerdict verdict, CancellationToken over)
    {
        var victim = (Server)server;
        while (!over.IsCancellationRequested)
        {
            await Task.WhenAny(Task.Delay(OutagePause, over));
            if (!over.IsCancellationRequested)
            {
                await victim.KillAsync(CancellationToken.None);
                await Task.Delay(OutageDuration, CancellationToken.None);
                await victim.RestartAsync(cancellationToken: CancellationToken.None);
                verdict.Broke();
            }
        }
    }

    private static string Address(int page) => string.Create(CultureInfo.InvariantCulture, $"/t/acme/pages/{page}");

    /// <summary>The acknowledged changes of one page, in their order: one task makes them all.</summary>
    private sealed class Changes
    {
        private readonly List<(long Number, int Node, long At)> _all = [];
        private readonly Lock _lock = new();

        public void Acknowledged(int node, long number, long at)
        {
            lock (_lock)
            {
                _all.Add((number, node, at));
            }
        }

        /// <summary>
        /// Since when the page was out of date when it was asked for, by changes of the application that answered and by those of others; zero if it was not.
        /// </summary>
        public (TimeSpan Own, TimeSpan Others) Judge(int node, long number, long asked)
        {
            var (own, others) = (TimeSpan.Zero, TimeSpan.Zero);
            lock (_lock)
            {
                for (var i = _all.Count - 1; i >= 0 && _all[i].Number > number; i--)
                {
                    if (_all[i].At < asked)
                    {
                        var behind = Stopwatch.GetElapsedTime(_all[i].At, asked);
                        (own, others) = _all[i].Node == node ? (behind, others) : (own, behind);
                    }
                }
            }

            return (own, others);
        }
    }
}

/// <summary>What a run of <see cref="StalePages"/> found.</summary>
internal sealed class PageVerdict
{
    private readonly ConcurrentQueue<string> _violations = new();
    private readonly ConcurrentQueue<TimeSpan> _behind = new();
    private long _reads;
    private long _hits;
    private long _changes;
    private long _outages;
    private long _slowest;

    public IReadOnlyCollection<string> Violations => _violations;

    public long Reads => _reads;

    public long Hits => _hits;

    public long Changes => _changes;

    public long Outages => _outages;

    public TimeSpan Slowest => new(Volatile.Read(ref _slowest));

    /// <summary>By how much pages were behind the changes of other applications, for those that were, in ascending order.</summary>
    public IReadOnlyList<TimeSpan> Behind => [.. _behind.Order()];

    public void Changed() => Interlocked.Increment(ref _changes);

    public void Broke() => Interlocked.Increment(ref _outages);

    public void Answered(HttpResponseMessage response, TimeSpan took)
    {
        if (!response.IsSuccessStatusCode)
        {
            _violations.Enqueue($"{response.RequestMessage!.Method} {response.RequestMessage.RequestUri!.AbsolutePath} was answered with {response.StatusCode}");
        }

        for (var seen = Volatile.Read(ref _slowest); took.Ticks > seen && Interlocked.CompareExchange(ref _slowest, took.Ticks, seen) != seen; seen = Volatile.Read(ref _slowest))
        {
        }
    }

    public void Read(bool isHit, (TimeSpan Own, TimeSpan Others) behind, TimeSpan window, string what)
    {
        Interlocked.Increment(ref _reads);
        Interlocked.Add(ref _hits, isHit ? 1 : 0);
        if (behind.Own > TimeSpan.Zero)
        {
            _violations.Enqueue($"{what} was out of date for {behind.Own.TotalMilliseconds:0.0} ms, by a change of the same application");
        }

        if (behind.Others > TimeSpan.Zero)
        {
            _behind.Enqueue(behind.Others);
            if (behind.Others > window)
            {
                _violations.Enqueue($"{what} was out of date for {behind.Others.TotalMilliseconds:0.0} ms, by a change of another application");
            }
        }
    }
}
