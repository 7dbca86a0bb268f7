namespace Larder.Backplane;

/// <summary>Carries bytes to all nodes, this one included, in the order in which one node sent them. May lose them.</summary>
internal interface IBackplaneTransport : IAsyncDisposable
{
    /// <summary>Messages may have been missed. The subscription that messages arrive through from now on is another one.</summary>
    event Action<string>? Interrupted;

    /// <summary>The server is back after it was away, or another one has taken its place.</summary>
    event Action? Restored;

    /// <summary>Calls <paramref name="receive"/> for each message, one at a time.</summary>
    Task SubscribeAsync(Action<ReadOnlyMemory<byte>> receive, CancellationToken cancellationToken);

    /// <summary>Ends when the server has taken the message.</summary>
    Task PublishAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken);
}
