using Larder.Diagnostics;
using Larder.Notifications;
using Larder.Redis;
using Larder.Tests.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Notifications;

[NeedsServer(ServerKind.Redis)]
public sealed class AbandonedSubscriptionTests
{
    [ContractFact]
    public async Task A_subscription_that_its_caller_did_not_wait_for_ends_as_soon_as_it_has_begun()
    {
        await using var client = await ConnectionMultiplexer.ConnectAsync((await TestServers.GetAsync(ServerKind.Redis)).ConnectionString);
        var (asked, answered, ended) = (new TaskCompletionSource(), new TaskCompletionSource(), new TaskCompletionSource());
        var subscriber = HookedProxy.Around(client.GetSubscriber());
        ((HookedProxy)(object)subscriber).Replace(nameof(ISubscriber.SubscribeAsync), _ =>
        {
            asked.SetResult();
            return answered.Task;
        });
        ((HookedProxy)(object)subscriber).Replace(nameof(ISubscriber.UnsubscribeAsync), _ =>
        {
            ended.SetResult();
            return Task.CompletedTask;
        });
        var server = HookedProxy.Around((IServer)client.GetServers()[0]);
        ((HookedProxy)(object)server).Replace(nameof(IServer.ExecuteAsync), _ => Task.FromResult(RedisResult.Create([(RedisValue)"notify-keyspace-events", "Ex"])));
        var multiplexer = HookedProxy.Around((IConnectionMultiplexer)client);
        ((HookedProxy)multiplexer).Replace(nameof(IConnectionMultiplexer.GetSubscriber), _ => subscriber);
        ((HookedProxy)multiplexer).Replace(nameof(IConnectionMultiplexer.GetServers), _ => new[] { server });
        await using var connection = new RedisConnection(() => Task.FromResult(multiplexer), owned: false);
        await using var engine = TestEngine.InMemory();
        var notifications = new CacheNotifications(engine, connection, NullLogger.Instance);
        using var leaving = new CancellationTokenSource();
        var subscribing = notifications.OnServerExpirationAsync(_ => { }, leaving.Token);
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => subscribing);
        answered.SetResult();

        await ended.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }
}
