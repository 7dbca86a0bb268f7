using Larder.Consistency.Levels;
using Larder.Engine;
using Larder.Tests.Engine;
using Xunit;

namespace Larder.Tests.Namespaces;

/// <summary>Calls that fail without the server, while one that has taken over has not been told of the last invalidations.</summary>
public sealed class TakeoverWaitTests : IAsyncDisposable
{
    private readonly TaskCompletionSource _told = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private CacheEngine? _engine;
    private CacheNamespace? _cache;

    public async ValueTask DisposeAsync()
    {
        _told.TrySetResult();
        await _engine!.DisposeAsync();
    }

    public static TheoryData<string> Calls => ["update", "read", "look", "read several"];

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task A_call_waits_until_the_server_has_been_told(string call)
    {
        await TakeOverAsync(TimeSpan.FromMinutes(1));
        var answer = CallAsync(call);
        Assert.False(answer.IsCompleted);

        _told.SetResult();
        Assert.Equal(call == "update" ? 2 : 1, await answer);
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task It_waits_no_longer_than_a_read_may_take(string call)
    {
        await TakeOverAsync(TimeSpan.FromMilliseconds(200));

        var thrown = await Assert.ThrowsAsync<SecondLevelException>(() => CallAsync(call));
        Assert.Contains(call == "update" ? "It is as it was" : "The second level could not be read", thrown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("update")]
    [InlineData("read")]
    public async Task Who_is_cancelled_does_not_wait(string call)
    {
        await TakeOverAsync(TimeSpan.FromMinutes(1));
        using var cancellation = new CancellationTokenSource();
        var answer = CallAsync(call, cancellation.Token);
        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answer);
    }

    /// <summary>Who is not to be told loads at once: the server may be away for long.</summary>
    [Fact]
    public async Task Who_may_load_does_not_wait()
    {
        await TakeOverAsync(TimeSpan.FromMinutes(1), SecondLevelFailure.Queue);

        Assert.Equal(7, await _cache!.GetOrCreateAsync("key", _ => ValueTask.FromResult(7)));
    }

    private async Task<int> CallAsync(string call, CancellationToken cancellationToken = default) => call switch
    {
        "update" => (await _cache!.UpdateAsync("key", (int number) => number + 1, cancellationToken: cancellationToken)).Value,
        "read" => await _cache!.GetOrCreateAsync("key", _ => ValueTask.FromResult(7), cancellationToken: cancellationToken),
        "look" => await _cache!.ExistsAsync("key", cancellationToken) ? 1 : 0,
        _ => (await _cache!.GetManyAsync<int>(["key"], cancellationToken))["key"],
    };

    // Another server takes over, and does not answer the first question that it is asked.
    private async Task TakeOverAsync(TimeSpan readTimeout, SecondLevelFailure onReadFailure = SecondLevelFailure.Throw)
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
            options.OnReadFailure = onReadFailure;
        });
        _cache = new CacheNamespace(_engine, null!, "area", null);
        transport.Restore();
    }
}
