using Larder.Engine;
using Larder.Hybrid;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Xunit;

namespace Larder.Tests.Engine;

/// <summary>Loads of one key side by side on one node. The clock stands still, so nobody finds out by asking again.</summary>
public sealed class LeaseWaitTests : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly HybridCacheEntryOptions Otherwise = new() { Flags = HybridCacheEntryFlags.DisableLocalCacheRead };

    private readonly TestSecondLevel _level = new(hasLeases: true);
    private readonly CacheEngine _engine;
    private readonly HybridCache _cache;
    private readonly GatedFactory<string> _holder = new();
    private readonly CountedFactory<string> _waiter = new("waiter");

    public LeaseWaitTests()
    {
        _engine = TestEngine.Create(_level, null, time: new FakeTimeProvider());
        _cache = new ScopedHybridCache(_engine, CacheScope.Raw);
    }

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    [Fact]
    public async Task A_load_that_waits_for_one_of_the_same_node_is_woken_when_that_one_has_stored()
    {
        var (holding, waiting) = await StartBothAsync();
        _holder.Answer("holder");

        Assert.Equal("holder", await waiting.WaitAsync(Patience));
        Assert.Equal("holder", await holding);
        Assert.Equal(0, _waiter.Calls);
    }

    [Fact]
    public async Task A_load_that_waits_for_one_of_the_same_node_is_woken_when_that_one_has_failed()
    {
        var (holding, waiting) = await StartBothAsync();
        _holder.Fail(new IOException("no source"));

        Assert.Equal("waiter", await waiting.WaitAsync(Patience));
        await Assert.ThrowsAsync<IOException>(() => holding);
        Assert.Equal(1, _waiter.Calls);
    }

    private async Task<(Task<string> Holding, Task<string> Waiting)> StartBothAsync()
    {
        var holding = _cache.GetOrCreateAsync("key", _holder.LoadAsync).AsTask();
        await _holder.Started;
        var waiting = _waiter.ReadAsync(_cache, "key", Otherwise).AsTask();
        Assert.Equal(2, _level.Done.Count(done => done.Call == "TryLease"));
        Assert.False(waiting.IsCompleted);
        return (holding, waiting);
    }
}
