using Larder.Consistency.Checking;

namespace Larder.Consistency.Nodes;

/// <summary>A node as the one who runs the check sees it, wherever it runs.</summary>
internal abstract class NodeHandle : IAsyncDisposable
{
    public abstract int Number { get; }

    public abstract long Operations { get; }

    public abstract Task ReadyAsync();

    public abstract Task StartAsync();

    public abstract Task StopAsync();

    public abstract Task ReadAllAsync();

    public abstract Task<History> CollectAsync();

    /// <summary>See <see cref="Faults.NodeChaos"/>.</summary>
    public abstract Task DropAsync(TimeSpan time);

    /// <summary>See <see cref="Faults.NodeChaos"/>.</summary>
    public abstract Task ReorderAsync(TimeSpan time);

    public abstract ValueTask DisposeAsync();
}

/// <summary>A node in this process.</summary>
internal sealed class LocalNode(NodeSettings settings, int number, Source source, SimpleStore? store) : NodeHandle
{
    private readonly NodeHost _host = new(settings, number, source, store);

    public override int Number => number;

    public override long Operations => _host.Operations;

    public override Task ReadyAsync() => _host.ReadyAsync();

    public override Task StartAsync()
    {
        _host.Start();
        return Task.CompletedTask;
    }

    public override Task StopAsync() => _host.StopAsync();

    public override Task ReadAllAsync() => _host.ReadAllAsync();

    public override Task<History> CollectAsync() => Task.FromResult(_host.Collect());

    public override Task DropAsync(TimeSpan time)
    {
        _host.Chaos.Drop(time);
        return Task.CompletedTask;
    }

    public override Task ReorderAsync(TimeSpan time)
    {
        _host.Chaos.Reorder(time);
        return Task.CompletedTask;
    }

    public override ValueTask DisposeAsync() => _host.DisposeAsync();
}
