using Larder.Consistency.Checking;
using Larder.Consistency.Faults;
using Larder.Tests.Shared;

namespace Larder.Consistency.Nodes;

/// <summary>One node with its workers: in this process, or the whole of a process of its own.</summary>
internal sealed class NodeHost : IAsyncDisposable
{
    private readonly int _number;
    private readonly CheckedNode _node;
    private readonly Worker[] _readers;
    private readonly Worker[] _writers;
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    public NodeHost(NodeSettings settings, int number, Source source, SimpleStore? store)
    {
        _number = number;
        Chaos = new NodeChaos(settings);
        _node = settings.Cache == CacheKind.Larder ? new LarderNode(settings, number, Chaos) : new SimpleNode(settings, store!);
        _readers = [.. Enumerable.Range(0, settings.Readers).Select(i => new Worker(_node, number, source, settings, (settings.Seed * 1_000_003) + (number * 1_009) + i))];
        _writers = [.. Enumerable.Range(0, settings.Writers).Select(i => new Worker(_node, number, source, settings, (settings.Seed * 1_000_033) + (number * 1_013) + i))];
    }

    public NodeChaos Chaos { get; }

    public long Operations => _readers.Concat(_writers).Sum(worker => worker.Operations);

    public Task ReadyAsync() => _node.ReadyAsync();

    public void Start() => _running = Task.WhenAll(
        _readers.Select(reader => Task.Run(() => reader.ReadUntilAsync(_stop.Token))).Concat(_writers.Select(writer => Task.Run(() => writer.ChangeUntilAsync(_stop.Token)))));

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;

        // What was invalidated while the server was away is promised for when it is back, and the client may take its time to find it.
        await WaitAsync(() => _node.Untold == 0, TimeSpan.FromMinutes(1), () => $"{_node.Untold} invalidations have not been told a minute after the last one");
    }

    public async Task ReadAllAsync()
    {
        await _readers[0].ReadAllAsync();
        await WaitAsync(() => _node.LoadsUnderWay == 0, TimeSpan.FromSeconds(10), () => $"{_node.LoadsUnderWay} loads are under way at the end");
    }

    public History Collect()
    {
        var history = new History();
        foreach (var worker in _readers.Concat(_writers))
        {
            history.Add(worker.History);
        }

        return history;
    }

    public async ValueTask DisposeAsync()
    {
        // Also when the check ended early: the workers read the source, which is gone afterwards.
        await _stop.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _node.DisposeAsync();
        _stop.Dispose();
    }

    private async Task WaitAsync(Func<bool> condition, TimeSpan atMost, Func<string> failure)
    {
        try
        {
            await Poll.UntilAsync(condition, "the node has come to an end", atMost);
        }
        catch (TimeoutException)
        {
            _readers[0].History.Failures.Add($"node {_number}: {failure()}");
        }
    }
}
