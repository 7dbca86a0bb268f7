using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Larder.Backplane;
using Larder.Diagnostics;
using Larder.Engine;
using Larder.Redis;
using Larder.Tests.Shared;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace Larder.Consistency.Checking;

/// <summary>How fast the backplane delivers between two nodes, and how much.</summary>
internal sealed class BackplaneLoad : IAsyncDisposable
{
    private readonly End _one;
    private readonly End _two;

    public BackplaneLoad(ITestServer server)
    {
        _one = new End(server.ConnectionString);
        _two = new End(server.ConnectionString);
    }

    /// <summary>One message at a time, a millisecond apart; how long each takes from one node to the other, in order of size.</summary>
    public async Task<TimeSpan[]> DeliveryAsync(int messages)
    {
        await StartAsync();
        _two.Delays.Clear();
        for (var i = 0; i < messages; i++)
        {
            await _one.SayAsync(timed: true);
            await Task.Delay(1);
        }

        await Poll.UntilAsync(() => _two.Delays.Count == messages, "all messages arrive");
        return [.. _two.Delays.Order()];
    }

    /// <summary>Both nodes say as much as they can for so long; how many messages each second arrived, and how many came in one batch.</summary>
    public async Task<(double PerSecond, double PerBatch)> ThroughputAsync(TimeSpan time, int callers)
    {
        await StartAsync();
        var (messages, batches) = (_one.Messages + _two.Messages, _one.Batches + _two.Batches);
        var started = Stopwatch.GetTimestamp();
        await Task.WhenAll(new[] { _one, _two }.SelectMany(end => Enumerable.Range(0, callers).Select(_ => Task.Run(async () =>
        {
            while (Stopwatch.GetElapsedTime(started) < time)
            {
                await end.SayAsync(timed: false);
            }
        }))));
        var elapsed = Stopwatch.GetElapsedTime(started);
        var sent = _one.Sent + _two.Sent;
        await Poll.UntilAsync(() => _one.Messages + _two.Messages >= sent, "all messages arrive");
        messages = _one.Messages + _two.Messages - messages;
        batches = _one.Batches + _two.Batches - batches;
        return (messages / elapsed.TotalSeconds, messages / (double)batches);
    }

    public async ValueTask DisposeAsync()
    {
        await _one.DisposeAsync();
        await _two.DisposeAsync();
    }

    private Task StartAsync() => Task.WhenAll(_one.StartAsync(), _two.StartAsync());

    private sealed class End : IBackplaneListener, IAsyncDisposable
    {
        private readonly RedisConnection _connection;
        private readonly BackplaneChannel _channel;
        private readonly LarderMetrics _metrics = new(null);
        private bool _started;
        private long _messages;
        private long _batches;
        private long _sent;

        public End(string server)
        {
            _connection = new RedisConnection(async () => await ConnectionMultiplexer.ConnectAsync(server), owned: true);
            var transport = new Levels.HookedTransport(new RedisBackplaneTransport(_connection, "load:v1:"))
            {
                Receiving = (batch, pass) =>
                {
                    if (batch.Messages.Count > 0 && batch.Node != _channel!.Node)
                    {
                        Interlocked.Increment(ref _batches);
                    }

                    pass();
                },
            };
            var clock = new EngineClock(TimeProvider.System);
            _channel = new BackplaneChannel(transport, clock, TimeSpan.FromSeconds(10), _metrics, new LogLimiter(clock), NullLogger.Instance);
        }

        public ConcurrentQueue<TimeSpan> Delays { get; } = [];

        public long Messages => Interlocked.Read(ref _messages);

        public long Batches => Interlocked.Read(ref _batches);

        public long Sent => Interlocked.Read(ref _sent);

        public async Task StartAsync()
        {
            if (!_started)
            {
                _started = true;
                _channel.Listen(this);
                await _channel.StartAsync(CancellationToken.None);
            }
        }

        public async Task SayAsync(bool timed)
        {
            var name = timed ? Stopwatch.GetTimestamp().ToString(CultureInfo.InvariantCulture) : "a key of usual length";
            if (await _channel.PublishAsync(BackplaneMessage.KeyChanged("t.acme:p.web:n.things", name)) is { } failure)
            {
                throw new IOException("The server has not taken a message.", failure);
            }

            Interlocked.Increment(ref _sent);
        }

        public void OnMessage(in BackplaneMessage message)
        {
            if (long.TryParse(message.Name, CultureInfo.InvariantCulture, out var sent))
            {
                Delays.Enqueue(Stopwatch.GetElapsedTime(sent));
            }

            Interlocked.Increment(ref _messages);
        }

        public void OnHeard(long sentAt)
        {
        }

        public void OnMissed(string cause) => throw new InvalidOperationException(cause);

        public void OnInterrupted(string cause) => Console.Error.WriteLine(cause);

        public void OnServerRestored()
        {
        }

        public async ValueTask DisposeAsync()
        {
            await _channel.DisposeAsync();
            await _connection.DisposeAsync();
            _metrics.Dispose();
        }
    }
}
