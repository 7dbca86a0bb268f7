using Larder.Backplane;
using Larder.Engine;
using Larder.Hybrid;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests.Engine;

/// <summary>One node whose backplane and server are the test's, by a clock that only the test moves.</summary>
public sealed class EngineTrustTests : IAsyncLifetime
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    private readonly FakeTimeProvider _time = new();
    private readonly TestSecondLevel _level = new(hasLeases: true);
    private readonly TestTransport _transport = new();
    private readonly CacheEngine _engine;
    private readonly HybridCache _cache;
    private int _loads;

    public EngineTrustTests()
    {
        // The number that all nodes count up has been counted by others before.
        _level.Count = 1_000;
        _engine = TestEngine.Create(_level, _transport, options => options.BackplaneTimeout = Timeout, _time);
        _cache = new ScopedHybridCache(_engine, CacheScope.Raw);
    }

    public async Task InitializeAsync()
    {
        await Poll.UntilAsync(() => Heartbeats.Length != 0, "the node sends its first heartbeat");
        _transport.Deliver(Heartbeats[0]);
        Assert.True(_engine.IsTrusted);
    }

    public async Task DisposeAsync() => await _engine.DisposeAsync();

    [Fact]
    public async Task A_heartbeat_from_before_an_interruption_does_not_restore_trust()
    {
        var before = await BeatAsync();
        _transport.Interrupt();
        Assert.False(_engine.IsTrusted);
        await Poll.UntilAsync(() => Heartbeats[^1].Subscription != before.Subscription, "the node sends a heartbeat through its new subscription");

        _transport.Deliver(before);
        Assert.False(_engine.IsTrusted);
        _transport.Deliver(Heartbeats[^1]);
        Assert.True(_engine.IsTrusted);
    }

    [Fact]
    public async Task A_server_that_was_flushed_and_begins_to_count_anew_makes_everything_obsolete_once()
    {
        Assert.Equal(1, await ReadAsync());
        _transport.Deliver(await BeatAsync());
        Assert.Equal(1, await ReadAsync());

        _level.Count = 0;
        _transport.Deliver(await BeatAsync());
        Assert.Equal(2, await ReadAsync());

        // From then on it is the new count that must not be lost.
        for (var i = 0; i < 5; i++)
        {
            _transport.Deliver(await BeatAsync());
            Assert.Equal(2, await ReadAsync());
        }

        Assert.Equal(1, _level.Done.Count(done => done.Call == "SetStamp"));
    }

    [Fact]
    public async Task A_server_that_counts_on_makes_nothing_obsolete()
    {
        Assert.Equal(1, await ReadAsync());
        for (var i = 0; i < 10; i++)
        {
            _transport.Deliver(await BeatAsync());
            Assert.Equal(1, await ReadAsync());
        }
    }

    private BackplaneBatch[] Heartbeats => [.. _transport.Published.Where(batch => batch.Messages.Count == 0)];

    private ValueTask<int> ReadAsync() => _cache.GetOrCreateAsync("key", _ => new ValueTask<int>(++_loads));

    /// <summary>Moves the clock on until the node sends a heartbeat.</summary>
    private async Task<BackplaneBatch> BeatAsync()
    {
        var sent = Heartbeats.Length;
        await Poll.UntilAsync(
            () =>
            {
                if (Heartbeats.Length > sent)
                {
                    return true;
                }

                _time.Advance(Timeout / 10);
                return false;
            },
            "the node sends a heartbeat");
        return Heartbeats[^1];
    }
}
