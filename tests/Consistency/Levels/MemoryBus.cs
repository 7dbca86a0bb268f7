using System.Threading.Channels;
using Larder.Backplane;

namespace Larder.Consistency.Levels;

/// <summary>Pub/sub within the process: each end gets every message once, in the order of publishing, one at a time.</summary>
internal sealed class MemoryBus
{
    private readonly Lock _lock = new();
    private readonly List<End> _ends = [];

    public IBackplaneTransport Connect() => new End(this);

    private sealed class End(MemoryBus bus) : IBackplaneTransport
    {
        private readonly Channel<byte[]> _inbox = Channel.CreateUnbounded<byte[]>(new UnboundedChannelOptions { SingleReader = true });
        private Task _reading = Task.CompletedTask;

        event Action<string>? IBackplaneTransport.Interrupted
        {
            add { }
            remove { }
        }

        event Action? IBackplaneTransport.Restored
        {
            add { }
            remove { }
        }

        public Task SubscribeAsync(Action<ReadOnlyMemory<byte>> receive, CancellationToken cancellationToken)
        {
            lock (bus._lock)
            {
                bus._ends.Add(this);
            }

            _reading = Task.Run(
                async () =>
                {
                    await foreach (var message in _inbox.Reader.ReadAllAsync(CancellationToken.None))
                    {
                        receive(message);
                    }
                },
                CancellationToken.None);
            return Task.CompletedTask;
        }

        public Task PublishAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
        {
            var bytes = message.ToArray();
            lock (bus._lock)
            {
                foreach (var end in bus._ends)
                {
                    end._inbox.Writer.TryWrite(bytes);
                }
            }

            return Task.CompletedTask;
        }

        public async ValueTask DisposeAsync()
        {
            lock (bus._lock)
            {
                bus._ends.Remove(this);
            }

            _inbox.Writer.TryComplete();
            await _reading;
        }
    }
}
