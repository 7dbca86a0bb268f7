using Larder.Backplane;

namespace Larder.Consistency.Levels;

/// <summary>
/// Lets a test stand on both ends of one node's backplane: hold back or refuse what it says, and swallow, delay or
/// reorder what it hears.
/// </summary>
internal sealed class HookedTransport : IBackplaneTransport
{
    private readonly IBackplaneTransport _inner;

    public HookedTransport(IBackplaneTransport inner)
    {
        _inner = inner;
        inner.Interrupted += cause => Interrupted?.Invoke(cause);
        inner.Restored += () => Restored?.Invoke();
    }

    public event Action<string>? Interrupted;

    public event Action? Restored;

    /// <summary>Before a batch leaves.</summary>
    public Func<BackplaneBatch, Task>? Publishing { get; set; }

    /// <summary>After the server has taken a batch, before its sender learns of it.</summary>
    public Func<BackplaneBatch, Task>? Published { get; set; }

    /// <summary>Gets each batch that arrives and what hands it to the node: at once, later, or never.</summary>
    public Action<BackplaneBatch, Action>? Receiving { get; set; }

    /// <summary>How many handlers wait for interruptions.</summary>
    public int InterruptedHandlers => Interrupted?.GetInvocationList().Length ?? 0;

    /// <summary>In place of the first attempts to subscribe.</summary>
    public Func<Task>? Subscribing { get; init; }

    public void Interrupt() => Interrupted?.Invoke("a test");

    public void Restore() => Restored?.Invoke();

    public async Task SubscribeAsync(Action<ReadOnlyMemory<byte>> receive, CancellationToken cancellationToken)
    {
        if (Subscribing is { } subscribing)
        {
            await subscribing();
        }

        await _inner.SubscribeAsync(
            bytes =>
            {
                if (Receiving is { } receiving && BackplaneBatch.TryDecode(bytes.Span, out var batch))
                {
                    var copy = bytes.ToArray();
                    receiving(batch, () => receive(copy));
                }
                else
                {
                    receive(bytes);
                }
            },
            cancellationToken);
    }

    // Publishing order is part of the contract, so nothing is awaited before the inner call unless a test asks for it.
    public Task PublishAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        if (Publishing is null && Published is null)
        {
            return _inner.PublishAsync(message, cancellationToken);
        }

        return PublishHookedAsync(message, cancellationToken);
    }

    public ValueTask DisposeAsync() => _inner.DisposeAsync();

    private async Task PublishHookedAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        _ = BackplaneBatch.TryDecode(message.Span, out var batch);
        if (Publishing is { } publishing)
        {
            await publishing(batch!);
        }

        await _inner.PublishAsync(message, cancellationToken);
        if (Published is { } published)
        {
            await published(batch!);
        }
    }
}
