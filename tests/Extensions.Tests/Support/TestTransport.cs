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

    /// <summary>When set, it is awaited with each word of the node.</summary>
    public Func<Task>? Publishing { get; set; }

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

    public async Task PublishAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        if (Publishing is { } publishing)
        {
            await publishing();
        }

        if (Fails)
        {
            throw new TimeoutException("the test's server takes nothing");
        }

        Assert.True(BackplaneBatch.TryDecode(message.Span, out var batch));
        Published.Enqueue(batch);
    }

    public ValueTask DisposeAsync() => default;
}
