using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using Larder.Samples.WebApp.Catalog;

namespace Larder.Tests;

/// <summary>
/// Clients of several processes of the sample, which read its cached routes and change products. A product is changed by one client alone, so its versions are
/// acknowledged in their order, and what a page shows can be compared with what had been acknowledged when it was asked for.
/// </summary>
/// <param name="nodes">The processes.</param>
/// <param name="window">By how much a page may be behind the changes of other processes.</param>
internal sealed class CatalogLoad(HttpClient[] nodes, TimeSpan window)
{
    private const int Clients = 16;
    private const int ProductsOfAClient = 5;
    private const int ReadsForAChange = 20;
    private const int ReadsForASearch = 10;

    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(15);

    private readonly Changes[] _products = [.. Enumerable.Range(0, Clients * ProductsOfAClient).Select(_ => new Changes())];
    private readonly ConcurrentQueue<string> _failures = new();
    private readonly ConcurrentQueue<string> _stale = new();
    private readonly CancellationTokenSource _over = new();
    private Task _running = Task.CompletedTask;
    private long _slowest;
    private long _slowestProbe;
    private long _recoveringSince = long.MaxValue;
    private long _recoveredAt = long.MaxValue;
    private int _answers;
    private int _hits;
    private int _changes;

    /// <summary>Requests that were not answered, or not with 200.</summary>
    public IReadOnlyCollection<string> Failures => _failures;

    /// <summary>Pages that showed less than had been acknowledged.</summary>
    public IReadOnlyCollection<string> Stale => _stale;

    public int Answers => Volatile.Read(ref _answers);

    public int Hits => Volatile.Read(ref _hits);

    public int ChangesMade => Volatile.Read(ref _changes);

    public TimeSpan Slowest => new(Volatile.Read(ref _slowest));

    /// <summary>How long a request took that has nothing to do with the cache: what the machine, not the cache, made it wait.</summary>
    public TimeSpan SlowestProbe => new(Volatile.Read(ref _slowestProbe));

    public void Start() => _running = Task.WhenAll(
        [.. Enumerable.Range(0, Clients).Select(client => Task.Run(() => RunAsync(client))), .. nodes.Select(node => Task.Run(() => ProbeAsync(node)))]);

    /// <summary>
    /// A server comes back that lacks changes, which the processes tell it as soon as each has found it. A process that has found it before the others takes what it holds for current: until they are
    /// done, which a machine that stands still puts off, nothing bounds by how much it is behind their changes.
    /// </summary>
    public async Task RecoverAsync(Func<Task> recover)
    {
        Volatile.Write(ref _recoveringSince, Stopwatch.GetTimestamp());
        await recover();
        Volatile.Write(ref _recoveredAt, Stopwatch.GetTimestamp());
    }

    /// <summary>Waits until that many requests more are answered.</summary>
    public async Task MoreAsync(int count)
    {
        var goal = Answers + count;
        while (Answers < goal && !_running.IsCompleted)
        {
            await Task.WhenAny(_running, Task.Delay(Pace));
        }
    }

    public async Task StopAsync()
    {
        await _over.CancelAsync();
        await _running;
    }

    /// <summary>Whether each process shows the last acknowledged version of every product.</summary>
    public async Task<bool> IsCurrentAsync()
    {
        foreach (var node in nodes)
        {
            for (var product = 0; product < _products.Length; product++)
            {
                using var response = await node.GetAsync(Address(product));
                if ((await response.ProductAsync()).Version < _products[product].Last)
                {
                    return false;
                }
            }
        }

        return true;
    }

    private async Task RunAsync(int client)
    {
        var random = new Random(client);
        while (!_over.IsCancellationRequested)
        {
            var node = random.Next(nodes.Length);
            if (random.Next(ReadsForAChange) == 0)
            {
                var product = (client * ProductsOfAClient) + random.Next(ProductsOfAClient);
                await SendAsync(node, product, Draft(product), (changed, asked) =>
                {
                    _products[product].Acknowledged(node, changed.Version, Stopwatch.GetTimestamp());
                    Interlocked.Increment(ref _changes);
                });
            }
            else if (random.Next(ReadsForASearch) == 0)
            {
                await SendAsync(node, null, null, null);
            }
            else
            {
                var product = random.Next(_products.Length);
                await SendAsync(node, product, null, (read, asked) => Judge(node, product, read.Version, asked));
            }

            await Task.Delay(Pace);
        }
    }

    private async Task SendAsync(int node, int? product, ProductDraft? draft, Action<Product, long>? then)
    {
        var asked = Stopwatch.GetTimestamp();
        try
        {
            using var response = product is not { } id ? await nodes[node].GetAsync("/t/acme/products?q=oak&page=1&size=10")
                : draft is null ? await nodes[node].GetAsync(Address(id))
                : await nodes[node].WriteAsync(HttpMethod.Put, Address(id), draft);
            Longest(ref _slowest, asked);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                _failures.Enqueue($"{response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
            }
            else if (then is not null)
            {
                then(await response.ProductAsync(), asked);
            }

            Interlocked.Add(ref _hits, response.IsHit() ? 1 : 0);
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
        {
            _failures.Enqueue(exception.Message);
        }

        Interlocked.Increment(ref _answers);
    }

    private async Task ProbeAsync(HttpClient node)
    {
        while (!_over.IsCancellationRequested)
        {
            var asked = Stopwatch.GetTimestamp();
            (await node.GetAsync("/health/live")).Dispose();
            Longest(ref _slowestProbe, asked);
            await Task.Delay(Pace);
        }
    }

    private void Judge(int node, int product, long version, long asked)
    {
        var recoveredAt = Volatile.Read(ref _recoveredAt);
        var recovering = asked < recoveredAt && Stopwatch.GetTimestamp() >= Volatile.Read(ref _recoveringSince);
        if (_products[product].Missed(node, version, asked) is { } missed
            && (missed.Node == node || (!recovering && missed.Behind > window + SlowestProbe && (asked < recoveredAt || Stopwatch.GetElapsedTime(recoveredAt, asked) > window + SlowestProbe))))
        {
            _stale.Enqueue($"product {product} of process {node} with version {version}, {missed.Behind.TotalMilliseconds:0} ms after process {missed.Node} had acknowledged {missed.Version}");
        }
    }

    private static string Address(int product) => string.Create(CultureInfo.InvariantCulture, $"/t/acme/products/{product + 1}");

    private static ProductDraft Draft(int product) => Responses.Draft("Changed", string.Create(CultureInfo.InvariantCulture, $"LOAD-{product}"));

    private static void Longest(ref long longest, long since)
    {
        var took = Stopwatch.GetElapsedTime(since).Ticks;
        for (var seen = Volatile.Read(ref longest); took > seen && Interlocked.CompareExchange(ref longest, took, seen) != seen; seen = Volatile.Read(ref longest))
        {
        }
    }

    /// <summary>The acknowledged changes of one product, in their order.</summary>
    private sealed class Changes
    {
        private readonly List<(long Version, int Node, long At)> _all = [];

        public long Last
        {
            get
            {
                lock (_all)
                {
                    return _all is [.., var last] ? last.Version : 0;
                }
            }
        }

        public void Acknowledged(int node, long version, long at)
        {
            lock (_all)
            {
                _all.Add((version, node, at));
            }
        }

        /// <summary>The first change that is missing in a page; one of the process itself, if any is missing.</summary>
        public (long Version, int Node, TimeSpan Behind)? Missed(int node, long version, long asked)
        {
            lock (_all)
            {
                return _all.Where(change => change.Version > version && change.At < asked)
                    .OrderBy(change => change.Node == node ? 0 : 1).ThenBy(change => change.Version)
                    .Select(change => ((long, int, TimeSpan)?)(change.Version, change.Node, Stopwatch.GetElapsedTime(change.At, asked)))
                    .FirstOrDefault();
            }
        }
    }
}
