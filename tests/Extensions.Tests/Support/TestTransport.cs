using System.Collections.Concurrent;
using Larder.Backplane;
using Xunit;

namespace Larder.Tests;

/// <summary>A backplane whose server is the test: it sees what a node says and decides what the node hears.</summary>
internal sealed class TestTransport : IBackplaneTransport
{
    private Action<ReadOnlyMemory<byte>>? _receive;
    private int _subscriptions;

    public event Action<string>? Interrupted;

    public event Action? Restored;

    /// <summary>What the node has said, its heartbeats (batches without messages) included.</summary>
    public ConcurrentQueue<BackplaneBatch> Published { get; } = new();

    public int Subscriptions => Volatile.Read(ref _subscriptions);

    /// <summary>When set, it is awaited by each attempt to subscribe.</summary>
    public Func<Task>? Subscribing { get; set; }

    /// <summary>Whether nothing that the node says is taken.</summary>
    public bool Fails { get; set; }

    public void Interrupt() => Interrupted?.Invoke("a test");

    public void Restore() => Restored?.Invoke();

    public void Deliver(BackplaneBatch batch) => _receive!(batch.Encode());

    public async Task SubscribeAsync(Action<ReadOnlyMemory<byte>> receive, CancellationToken cancellationToken)
    {
        if (Subscribing is { } subscribing)
        {
            await subscribing();
        }

        _receive = receive;
        Interlocked.Increment(ref _subscriptions);
    }

    public Task PublishAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        if (Fails)
        {
            return Task.FromException(new TimeoutException("the test's server takes nothing"));
        }

        Assert.True(BackplaneBatch.TryDecode(message.Span, out var batch));
        Published.Enqueue(batch);
        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync() => default;
}
