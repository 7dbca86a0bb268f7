using StackExchange.Redis;

namespace Larder.PipelinesSockets.Tests.Redis;

/// <summary>Nothing stays behind a multiplexer: no socket at either end, no thread, no task that never ends.</summary>
[Collection(RedisGroup.Name)]
public sealed class DisposalTests(RedisFixture redis)
{
    [RedisFact]
    public async Task Sockets_are_closed_at_both_ends()
    {
        await using var control = await ConnectionMultiplexer.ConnectAsync(redis.Options());
        var server = control.GetServer(control.GetEndPoints()[0]);
        for (var i = 0; i < 10; i++)
        {
            var options = redis.Options(i % 2 == 0 ? RedisProtocol.Resp2 : RedisProtocol.Resp3);
            options.ClientName = "leaving";
            await using var multiplexer = await ConnectionMultiplexer.ConnectAsync(options);
            await multiplexer.GetDatabase().StringSetAsync("leaving", new byte[100_000]);
            Assert.Contains(await server.ClientListAsync(), client => client.Name == "leaving");

            // In flight while it is disposed: must end one way or the other.
            var pending = Enumerable.Range(0, 50).Select(_ => multiplexer.GetDatabase().StringGetAsync("leaving")).ToArray();
            await multiplexer.CloseAsync(allowCommandsToComplete: i % 3 == 0);
            await Task.WhenAll(pending.Select(Ended)).WaitAsync(Eventually.Patience);
        }

        await Eventually.TrueAsync(
            async () => (await server.ClientListAsync()).All(client => client.Name != "leaving"), "the server saw every connection end");
    }

    [RedisFact(LinuxOnly = true)]
    public async Task Threads_of_a_socket_manager_end_with_it()
    {
        using (var manager = new SocketManager("leaktest", workerCount: 4))
        {
            var options = redis.Options();
            options.SocketManager = manager;
            await using var multiplexer = await ConnectionMultiplexer.ConnectAsync(options);
            await multiplexer.GetDatabase().PingAsync();
            await Eventually.TrueAsync(() => ThreadsNamed("leaktest") == 4, "each worker has its name, which it takes when it runs");
        }

        await Eventually.TrueAsync(() => ThreadsNamed("leaktest") == 0, "the workers ended");
    }

    /// <summary>The scheduler is gone before its connection: work falls back to the thread pool.</summary>
    [RedisFact]
    public async Task A_connection_outlives_its_socket_manager()
    {
        var manager = new SocketManager("shortlived", workerCount: 2);
        var options = redis.Options();
        options.SocketManager = manager;
        await using var multiplexer = await ConnectionMultiplexer.ConnectAsync(options);
        manager.Dispose();

        var replies = Enumerable.Range(0, 100).Select(_ => multiplexer.GetDatabase().PingAsync());

        await Task.WhenAll(replies).WaitAsync(Eventually.Patience);
    }

    private static int ThreadsNamed(string prefix)
        => Directory.GetDirectories("/proc/self/task").Count(folder => Comm(folder).StartsWith(prefix, StringComparison.Ordinal));

    private static string Comm(string folder)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, "comm"));
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static async Task Ended(Task task) => await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
