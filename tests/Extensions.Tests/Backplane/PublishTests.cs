using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Larder.Redis;
using Larder.Tests.Shared;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Backplane;

/// <summary>What is said on real servers, with the settings of connections that change how it is sent.</summary>
public sealed class PublishTests
{
    private const string Prefix = "publish:v1:";

    [ServerTheory(ServerKind.Redis, ServerKind.Valkey, ServerKind.RedisCluster)]
    [InlineData(ServerKind.Redis, "", "")]
    [InlineData(ServerKind.Redis, ",channelPrefix=shop:", "shop:")]
    [InlineData(ServerKind.Redis, ",protocol=resp3", "")]
    [InlineData(ServerKind.Valkey, ",channelPrefix=shop:,protocol=resp3", "shop:")]
    [InlineData(ServerKind.RedisCluster, ",channelPrefix=shop:,protocol=resp3", "shop:")]
    public async Task What_is_said_is_heard_in_its_order_on_the_channel_of_the_connection(ServerKind kind, string settings, string channelPrefix)
    {
        var addresses = (await TestServers.GetAsync(kind)).PatientConnectionString;
        var prefix = $"{Prefix}{Guid.NewGuid():N}:";
        await using var connection = new RedisConnection(async () => await ConnectionMultiplexer.ConnectAsync(addresses + settings), owned: true);
        await using var transport = new RedisBackplaneTransport(connection, prefix);
        var heard = new ConcurrentQueue<string>();
        await transport.SubscribeAsync(message => heard.Enqueue(Encoding.UTF8.GetString(message.Span)), CancellationToken.None);

        // Whoever looks from outside finds it there.
        await using var outside = await ConnectionMultiplexer.ConnectAsync(addresses);
        var seen = new ConcurrentQueue<string>();
        (await outside.GetSubscriber().SubscribeAsync(RedisChannel.Literal(channelPrefix + prefix + "backplane"))).OnMessage(message => seen.Enqueue(message.Message.ToString()));

        string[] said = [.. Enumerable.Range(0, 500).Select(number => number.ToString(CultureInfo.InvariantCulture))];
        await Task.WhenAll(said.Select(text => transport.PublishAsync(Encoding.UTF8.GetBytes(text), CancellationToken.None)));

        await Poll.UntilAsync(() => heard.Count == said.Length && seen.Count == said.Length, "all is heard");
        Assert.Equal(said, heard);
        Assert.Equal(said, seen);
    }

    [ServerTheory(ServerKind.Redis, ServerKind.Valkey)]
    [InlineData(ServerKind.Redis)]
    [InlineData(ServerKind.Valkey)]
    public async Task A_user_who_may_not_publish_is_told_so(ServerKind kind)
    {
        await using var server = await TestServers.StartNewAsync(kind);
        await server.CommandAsync("ACL", "SETUSER", "reader", "on", ">secret", "~*", "&*", "+@all", "-publish");
        await using var connection = new RedisConnection(async () => await ConnectionMultiplexer.ConnectAsync($"{server.EndPoint},user=reader,password=secret"), owned: true);
        await using var transport = new RedisBackplaneTransport(connection, Prefix);
        await transport.SubscribeAsync(_ => { }, CancellationToken.None);

        var refused = await Assert.ThrowsAsync<RedisServerException>(() => transport.PublishAsync("text"u8.ToArray(), CancellationToken.None));
        Assert.Contains("publish", refused.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("secret", refused.ToString(), StringComparison.Ordinal);

        // Nothing is to be restarted when the operator has mended it.
        await server.CommandAsync("ACL", "SETUSER", "reader", "+publish");
        await transport.PublishAsync("text"u8.ToArray(), CancellationToken.None);
    }
}
