using System.Collections.Concurrent;
using Larder.Backplane;
using Larder.Consistency.Levels;
using Larder.Diagnostics;
using Larder.Engine;
using Larder.Hybrid;
using Larder.Tests.Engine;
using Larder.Tests.Shared;
using Xunit;

namespace Larder.Tests.Failures;

/// <summary>Messages are dead while data is alive.</summary>
public sealed class BackplaneBreakerTests : IAsyncLifetime
{
    private const int Count = 50;

    private readonly SteppedClock _time = new();
    private readonly LarderMetrics _metrics = new(null);
    private readonly TestLog _log = new();
    private readonly HookedSecondLevel _level;
    private HookedTransport _transport = null!;
    private readonly ConcurrentDictionary<string, bool> _told = new();
    private CacheEngine _engine = null!;
    private ScopedHybridCache _cache = null!;
    private int _removed;
    private int _rounds;

    public BackplaneBreakerTests()
    {
        _level = new HookedSecondLevel(new MemoryServer().Connect())
        {
            After = (call, _) =>
            {
                Interlocked.Add(ref _removed, call == LevelCall.Remove ? 1 : 0);
                Interlocked.Add(ref _rounds, call == LevelCall.Advance ? 1 : 0);
                return Task.CompletedTask;
            },
        };
    }

    public Task InitializeAsync() => StartAsync(TimeSpan.FromMinutes(1));

    public async Task DisposeAsync()
    {
        _transport.Publishing = null;
        await _engine.DisposeAsync();
        _metrics.Dispose();
    }

    [Fact]
    public async Task Invalidations_do_not_each_wait_for_the_timeout_and_are_told_when_messages_are_back()
    {
        // The timers are real ones, and here each call is to wait for one.
        await _engine.DisposeAsync();
        _told.Clear();
        await StartAsync(TimeSpan.FromMilliseconds(300));
        var hanging = 0;
        Silence(batch =>
        {
            Interlocked.Add(ref hanging, batch.Messages.Count == 0 ? 0 : 1);
            return new TaskCompletionSource().Task;
        });
        for (var i = 0; i < Count; i++)
        {
            await _cache.RemoveAsync($"key {i}").AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        }

        // The clock stands still, so the breaker lets nothing through once it is open. Three open it; some may be heartbeats or replays.
        Assert.InRange(Volatile.Read(ref hanging), 1, 10);
        Assert.Equal(Count, _engine.PendingCount);
        Assert.InRange(Volatile.Read(ref _removed), Count, int.MaxValue);
        await OpensAsync("backplane");
        Assert.Empty(_told);

        _transport.Publishing = null;
        await UntilAsync(() => _engine.PendingCount == 0, "all is replayed");
        Assert.All(Enumerable.Range(0, Count), i => Assert.True(_told.ContainsKey($"key {i}")));
        Assert.Empty(_metrics.OpenBreakers);
        Assert.Single(_log.Find("Messages to the other nodes cannot be sent"));
        Assert.Single(_log.Find("Messages to the other nodes can be sent again"));
        Assert.Empty(_log.Find("The second level does not answer"));
    }

    [Fact]
    public async Task What_the_server_has_been_told_by_a_replay_is_not_told_again_while_messages_stay_dead()
    {
        Silence(_ => Task.FromException(new IOException("away")));
        for (var i = 0; i < 100; i++)
        {
            await _cache.RemoveAsync($"key {i}").AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        }

        // Each once by its caller and once by the replay, also those beyond the first part of it.
        await UntilAsync(() => Volatile.Read(ref _removed) >= 200, "the replay has told the server of all");
        var rounds = Volatile.Read(ref _rounds);
        await UntilAsync(() => Volatile.Read(ref _rounds) >= rounds + 10, "the background has gone round ten times");
        Assert.Equal((200, 100), (Volatile.Read(ref _removed), _engine.PendingCount));

        // A server that takes over may lack all of it.
        _transport.Restore();
        await UntilAsync(() => Volatile.Read(ref _removed) >= 300, "the server that took over is told");
    }

    [Fact]
    public async Task Data_that_is_dead_leaves_messages_alone()
    {
        using var measured = new Measurements(_metrics);
        _level.Before = (_, _) => Task.FromException(new IOException("away"));
        Age();
        for (var i = 0; i < 5; i++)
        {
            await _cache.RemoveAsync($"key {i}");
        }

        await OpensAsync("second_level");
        Assert.Equal((1, 0), (measured.Observe("larder.circuit_breaker.state second_level"), measured.Observe("larder.circuit_breaker.state backplane")));
    }

    [Fact]
    public async Task What_the_breaker_refuses_does_not_look_like_a_gap()
    {
        var sequences = new ConcurrentQueue<long>();
        Silence(batch =>
        {
            sequences.Enqueue(batch.Sequence);
            return Task.FromException(new IOException("away"));
        });
        for (var i = 0; i < Count; i++)
        {
            await _cache.RemoveAsync($"key {i}").AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        }

        // Three open it, of which one may be a heartbeat that was under way, and got through, when the silence began; and one or the other is under way at that moment.
        Assert.Equal(Count, _engine.PendingCount);
        Assert.InRange(sequences.Count, 2, 10);
        _transport.Publishing = batch =>
        {
            sequences.Enqueue(batch.Sequence);
            return Task.CompletedTask;
        };
        await UntilAsync(() => _engine.PendingCount == 0, "all is replayed");
        var numbers = sequences.ToArray();
        Assert.Equal(Enumerable.Range(0, numbers.Length).Select(i => numbers[0] + i), numbers.Order());
    }

    private Task StartAsync(TimeSpan invalidationTimeout)
    {
        _transport = new HookedTransport(new MemoryBus().Connect())
        {
            Published = batch =>
            {
                foreach (var message in batch.Messages)
                {
                    _told[message.Name] = true;
                }

                return Task.CompletedTask;
            },
        };
        _engine = TestEngine.Create(
            _level,
            _transport,
            options =>
            {
                // The background goes round twenty-five times a second.
                options.BackplaneTimeout = TimeSpan.FromMilliseconds(200);
                options.SecondLevelTimeout = TimeSpan.FromMinutes(1);
                options.SecondLevelInvalidationTimeout = invalidationTimeout;
            },
            _time,
            _log,
            _metrics);
        _cache = new ScopedHybridCache(_engine, CacheScope.Raw);
        return Poll.UntilAsync(() => _engine.IsTrusted, "the node hears itself");
    }

    /// <summary>From now on nothing that is said gets through.</summary>
    private void Silence(Func<BackplaneBatch, Task> publishing)
    {
        _transport.Publishing = publishing;
        Age();
    }

    /// <summary>
    /// A breaker opens when half of a sample failed, and a busy machine may have had many heartbeats before the test began, all at the
    /// one time the clock has shown. They leave the sample.
    /// </summary>
    private void Age() => _time.Advance(TimeSpan.FromMinutes(10));

    /// <summary>The failure that opens a breaker may have been the background's. Calls are refused from then on, some time before the breaker has said so.</summary>
    private async Task OpensAsync(string breaker)
    {
        await Poll.UntilAsync(() => _metrics.OpenBreakers.Count != 0, "a breaker has opened");
        Assert.Equal([breaker], _metrics.OpenBreakers);
    }

    /// <summary>While the clock goes on, so that the breaker lets something through.</summary>
    private Task UntilAsync(Func<bool> condition, string what) => Poll.UntilAsync(
        () =>
        {
            _time.Advance(TimeSpan.FromMilliseconds(200));
            return condition();
        },
        what);
}
