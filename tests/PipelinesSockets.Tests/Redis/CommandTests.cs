using StackExchange.Redis;

namespace Larder.PipelinesSockets.Tests.Redis;

/// <summary>Commands and replies of every size, over both protocols.</summary>
[Collection(RedisGroup.Name)]
public sealed class CommandTests(RedisFixture redis)
{
    public static TheoryData<RedisProtocol> Protocols => [RedisProtocol.Resp2, RedisProtocol.Resp3];

    public static TheoryData<RedisProtocol, int> Sizes => new()
    {
        { RedisProtocol.Resp2, 1 << 20 }, { RedisProtocol.Resp2, 5 << 20 }, { RedisProtocol.Resp3, 1 << 20 }, { RedisProtocol.Resp3, 5 << 20 },
    };

    [RedisTheory]
    [MemberData(nameof(Protocols))]
    public async Task Ping_speaks_the_protocol_asked_for(RedisProtocol protocol)
    {
        await using var multiplexer = await ConnectionMultiplexer.ConnectAsync(redis.Options(protocol));

        Assert.True(await multiplexer.GetDatabase().PingAsync() > TimeSpan.Zero);
        Assert.Equal(protocol, multiplexer.GetServer(multiplexer.GetEndPoints()[0]).Protocol);
    }

    [RedisTheory]
    [MemberData(nameof(Sizes))]
    public async Task Large_values_come_back_as_they_went(RedisProtocol protocol, int size)
    {
        await using var multiplexer = await ConnectionMultiplexer.ConnectAsync(redis.Options(protocol));
        var database = multiplexer.GetDatabase();
        var values = Enumerable.Range(0, 4).Select(seed => Noise(size, seed)).ToArray();

        // Several at once, so that sends are batched, receives span replies, and the send threshold is crossed.
        await Task.WhenAll(values.Select((value, i) => database.StringSetAsync($"large:{i}", value)));
        var replies = await Task.WhenAll(values.Select((_, i) => database.StringGetAsync($"large:{i}")));

        Assert.All(replies.Zip(values), pair => Assert.True(pair.Second.AsSpan().SequenceEqual((byte[])pair.First!), "a byte changed on the way"));
    }

    [RedisTheory]
    [MemberData(nameof(Protocols))]
    public async Task Ten_thousand_pipelined_commands_keep_their_order(RedisProtocol protocol)
    {
        await using var multiplexer = await ConnectionMultiplexer.ConnectAsync(redis.Options(protocol));
        var database = multiplexer.GetDatabase();
        RedisKey key = $"pipelined:{protocol}";
        await database.KeyDeleteAsync(key);

        var replies = await Task.WhenAll(Enumerable.Range(0, 10_000).Select(_ => database.StringIncrementAsync(key)));

        Assert.Equal(Enumerable.Range(1, 10_000).Select(i => (long)i), replies);
    }

    [RedisTheory]
    [MemberData(nameof(Protocols))]
    public async Task Thousands_of_concurrent_operations_get_their_own_replies(RedisProtocol protocol)
    {
        await using var multiplexer = await ConnectionMultiplexer.ConnectAsync(redis.Options(protocol));
        var database = multiplexer.GetDatabase();

        await Parallel.ForEachAsync(Enumerable.Range(0, 4000), new ParallelOptions { MaxDegreeOfParallelism = 500 }, async (i, _) =>
        {
            // Lengths from nothing to several segments, so that replies end at every offset of a buffer.
            var value = Noise(i * 7 % 20_000, i);
            await database.StringSetAsync($"own:{i}", value);
            Assert.Equal(value, (byte[]?)await database.StringGetAsync($"own:{i}"));
        });
    }

    [RedisTheory]
    [MemberData(nameof(Protocols))]
    public async Task Arrays_of_all_shapes_are_parsed(RedisProtocol protocol)
    {
        await using var multiplexer = await ConnectionMultiplexer.ConnectAsync(redis.Options(protocol));
        var database = multiplexer.GetDatabase();
        var members = Enumerable.Range(0, 50_000).Select(i => (RedisValue)i).ToArray();
        await database.KeyDeleteAsync(["set", "hash", "empty"]);

        await database.SetAddAsync("set", members);
        await database.HashSetAsync("hash", [.. members.Take(1000).Select(member => new HashEntry(member, member))]);

        Assert.Equal(members, (await database.SetMembersAsync("set")).Order());
        Assert.Equal(1000, (await database.HashGetAllAsync("hash")).Length);
        Assert.Empty(await database.SetMembersAsync("empty"));
        var nested = await database.ScriptEvaluateAsync("return {{1,{2,{3,{}}}},{4,5},'x'}");
        Assert.Equal(3, (int)nested[0][1][1][0]);
    }

    [RedisFact]
    public async Task Synchronous_callers_get_their_own_replies()
    {
        await using var multiplexer = await ConnectionMultiplexer.ConnectAsync(redis.Options());
        var database = multiplexer.GetDatabase();

        // On threads of their own: blocking pool threads would only measure how fast the pool grows.
        var callers = Enumerable.Range(0, 16).Select(i => Task.Factory.StartNew(() => Call(i), default, TaskCreationOptions.LongRunning, TaskScheduler.Default));

        await Task.WhenAll(callers);

        void Call(int i)
        {
            for (var n = 0; n < 50; n++)
            {
                database.StringSet($"sync:{i}", n);
                Assert.Equal(n, (int)database.StringGet($"sync:{i}"));
            }
        }
    }

    [RedisFact]
    public async Task Replies_are_processed_on_dedicated_threads_when_asked_for()
    {
        using var manager = new SocketManager("dedicated", workerCount: 3);
        var options = redis.Options();
        options.SocketManager = manager;
        await using var multiplexer = await ConnectionMultiplexer.ConnectAsync(options);
        var database = multiplexer.GetDatabase();

        await Task.WhenAll(Enumerable.Range(0, 500).Select(i => database.StringSetAsync("dedicated", i)));

        Assert.DoesNotContain("queue: 0,", manager.ToString(), StringComparison.Ordinal);
    }

    private static byte[] Noise(int size, int seed)
    {
        var bytes = new byte[size];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
