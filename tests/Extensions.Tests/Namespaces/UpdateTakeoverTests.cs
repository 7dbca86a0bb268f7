using Larder.Consistency.Levels;
using Larder.Engine;
using Larder.Tests.Engine;
using Xunit;

namespace Larder.Tests.Namespaces;

/// <summary>Changes that compare, while a server that has taken over has not been told of the last invalidations.</summary>
public sealed class UpdateTakeoverTests : IAsyncDisposable
{
    private readonly TaskCompletionSource _told = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private CacheEngine? _engine;
    private CacheNamespace? _cache;

    public async ValueTask DisposeAsync()
    {
        _told.TrySetResult();
        await _engine!.DisposeAsync();
    }

    [Fact]
    public async Task An_update_waits_until_the_server_has_been_told()
    {
        await TakeOverAsync(TimeSpan.FromMinutes(1));
        var update = IncrementAsync();
        Assert.False(update.IsCompleted);

        _told.SetResult();
        Assert.Equal(2, (await update).Value);
    }

    [Fact]
    public async Task It_waits_no_longer_than_a_read_may_take()
    {
        await TakeOverAsync(TimeSpan.FromMilliseconds(200));

        Assert.Contains("It is as it was", (await Assert.ThrowsAsync<SecondLevelException>(() => IncrementAsync())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_is_cancelled_does_not_wait()
    {
        await TakeOverAsync(TimeSpan.FromMinutes(1));
        using var cancellation = new CancellationTokenSource();
        var update = IncrementAsync(cancellation.Token);
        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => update);
    }

    private Task<CacheResult<int>> IncrementAsync(CancellationToken cancellationToken = default) =>
        _cache!.UpdateAsync("key", (int number) => number + 1, cancellationToken: cancellationToken).AsTask();

    // Another server takes over, and does not answer the first question that it is asked.
    private async Task TakeOverAsync(TimeSpan readTimeout)
    {
        var server = new MemoryServer();
        await using (var other = TestEngine.Create(server.Connect(), null, TestEngine.Patient))
        {
            // By another node, because what a node itself has set it removes from a server that has taken over.
            await new CacheNamespace(other, null!, "area", null).SetAsync("key", 1);
        }

        var level = new HookedSecondLevel(server.Connect()) { Before = (call, _) => call == LevelCall.Advance ? _told.Task : Task.CompletedTask };
        var transport = new HookedTransport(new MemoryBus().Connect());
        _engine = TestEngine.Create(level, transport, options =>
        {
            options.SecondLevelTimeout = TimeSpan.FromMinutes(1);
            options.SecondLevelReadTimeout = readTimeout;
        });
        _cache = new CacheNamespace(_engine, null!, "area", null);
        transport.Restore();
    }
}
