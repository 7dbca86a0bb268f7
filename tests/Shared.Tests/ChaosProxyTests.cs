using System.Diagnostics;
using System.Net.Sockets;
using Xunit;

namespace Larder.Tests.Shared.Tests;

public sealed class ChaosProxyTests
{
    private static readonly string[] Ping = ["PING"];

    [ServerFact(ServerKind.Redis)]
    public async Task Forwards_both_ways_whole_megabytes_too()
    {
        await using var proxy = ChaosProxy.Start(await TestServers.RedisAsync());
        await using var connection = await RespConnection.OpenAsync(proxy.Port);
        var value = new string('x', 4_000_000);
        await connection.ExecuteAsync(["SET", "chaos:big", value]);
        Assert.Equal(value, (await connection.ExecuteAsync(["GET", "chaos:big"])).Text);
        Assert.Equal(1, proxy.AcceptedConnections);
        Assert.InRange(proxy.BytesToServer, value.Length, value.Length + 200);
        Assert.InRange(proxy.BytesToClient, value.Length, value.Length + 200);
    }

    [ServerTheory(ServerKind.Redis)]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Delays_each_direction_without_connections_waiting_for_each_other(bool toClient)
    {
        await using var proxy = ChaosProxy.Start(await TestServers.RedisAsync());
        await using var connection = await RespConnection.OpenAsync(proxy.Port);
        await connection.ExecuteAsync(Ping);

        var delay = TimeSpan.FromMilliseconds(300);
        (proxy.DelayToClient, proxy.DelayToServer) = toClient ? (delay, TimeSpan.Zero) : (TimeSpan.Zero, delay);
        var started = Stopwatch.GetTimestamp();
        await connection.ExecuteAsync(Ping);

        // A timer's clock is coarser than a stopwatch and may seem early by some milliseconds.
        Assert.True(Stopwatch.GetElapsedTime(started) >= delay - TimeSpan.FromMilliseconds(30));

        // One after the other they would take ten delays, each time; a machine that stands still makes it take longer once.
        var many = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => RespConnection.OpenAsync(proxy.Port)));
        var least = TimeSpan.MaxValue;
        for (var round = 0; round < 10 && least >= 5 * delay; round++)
        {
            started = Stopwatch.GetTimestamp();
            await Task.WhenAll(many.Select(each => each.ExecuteAsync(Ping)));
            var took = Stopwatch.GetElapsedTime(started);
            least = took < least ? took : least;
        }

        Assert.True(least < 5 * delay, $"Ten connections at once took {least}.");
        await Task.WhenAll(many.Select(each => each.DisposeAsync().AsTask()));
    }

    [ServerFact(ServerKind.Redis)]
    public async Task Dropped_connections_are_reset_and_new_ones_welcome()
    {
        await using var proxy = ChaosProxy.Start(await TestServers.RedisAsync());
        await using var connection = await RespConnection.OpenAsync(proxy.Port);
        await connection.ExecuteAsync(Ping);

        proxy.DropConnections();

        await Assert.ThrowsAnyAsync<IOException>(() => connection.ExecuteAsync(Ping));
        await Poll.UntilAsync(() => proxy.OpenConnections == 0, "no connection is left");
        await using var next = await RespConnection.OpenAsync(proxy.Port);
        Assert.Equal("PONG", (await next.ExecuteAsync(Ping)).Text);
    }

    [ServerFact(ServerKind.Redis)]
    public async Task Refuses_new_connections_and_takes_them_again_on_the_same_port()
    {
        await using var proxy = ChaosProxy.Start(await TestServers.RedisAsync());
        await using var connection = await RespConnection.OpenAsync(proxy.Port);
        await connection.ExecuteAsync(Ping);

        proxy.Mode = ChaosMode.Refuse;
        var refused = await Assert.ThrowsAsync<SocketException>(() => RespConnection.OpenAsync(proxy.Port));
        Assert.Equal(SocketError.ConnectionRefused, refused.SocketErrorCode);
        Assert.Equal("PONG", (await connection.ExecuteAsync(Ping)).Text);

        proxy.Mode = ChaosMode.Forward;
        await using var next = await RespConnection.OpenAsync(proxy.Port);
        Assert.Equal("PONG", (await next.ExecuteAsync(Ping)).Text);
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_connection_that_is_just_being_accepted_does_not_outlive_a_refusal_and_a_drop()
    {
        await using var proxy = ChaosProxy.Start(await TestServers.RedisAsync());
        for (var round = 0; round < 50; round++)
        {
            // For the client it is open as soon as the system has taken it, which the proxy hears of later.
            proxy.Mode = ChaosMode.Forward;
            await using var connection = await RespConnection.OpenAsync(proxy.Port);
            proxy.Mode = ChaosMode.Refuse;
            proxy.DropConnections();

            await Assert.ThrowsAnyAsync<IOException>(() => connection.ExecuteAsync(Ping));
        }
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_black_hole_answers_nothing_on_old_and_new_connections_until_it_closes()
    {
        await using var proxy = ChaosProxy.Start(await TestServers.RedisAsync());
        await using var before = await RespConnection.OpenAsync(proxy.Port);
        await before.ExecuteAsync(Ping);

        proxy.Mode = ChaosMode.BlackHole;
        await using var during = await RespConnection.OpenAsync(proxy.Port);
        Task[] answers = [before.ExecuteAsync(Ping), during.ExecuteAsync(Ping)];
        await Poll.UntilAsync(() => proxy.SwallowedConnections == 2, "both questions are in the black hole");
        var silence = Task.Delay(200);
        Assert.Same(silence, await Task.WhenAny([.. answers, silence]));
        Assert.Equal(2, proxy.OpenConnections);

        proxy.Mode = ChaosMode.Forward;
        foreach (var answer in answers)
        {
            await Assert.ThrowsAnyAsync<IOException>(() => answer);
        }

        await using var after = await RespConnection.OpenAsync(proxy.Port);
        Assert.Equal("PONG", (await after.ExecuteAsync(Ping)).Text);
    }

    [ServerFact(ServerKind.Redis)]
    public async Task Cuts_an_answer_short_once()
    {
        await using var proxy = ChaosProxy.Start(await TestServers.RedisAsync());
        await using var connection = await RespConnection.OpenAsync(proxy.Port);
        await connection.ExecuteAsync(Ping);
        var passed = proxy.BytesToClient;

        proxy.CutAfter(3);

        await Assert.ThrowsAnyAsync<IOException>(() => connection.ExecuteAsync(Ping));
        Assert.Equal(passed + 3, proxy.BytesToClient);
        await using var next = await RespConnection.OpenAsync(proxy.Port);
        Assert.Equal("PONG", (await next.ExecuteAsync(Ping)).Text);
    }

    [Fact]
    public async Task In_front_of_a_dead_server_it_closes_what_it_accepts()
    {
        await using var proxy = ChaosProxy.Start(serverPort: 1);

        // On a busy machine it may have been closed before the client sees that it was made.
        var failure = await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            await using var connection = await RespConnection.OpenAsync(proxy.Port);
            await connection.ExecuteAsync(Ping);
        });
        Assert.True(failure is IOException or SocketException { SocketErrorCode: SocketError.ConnectionReset }, $"{failure}");
        Assert.Equal(1, proxy.AcceptedConnections);
    }

    [ServerFact(ServerKind.Redis)]
    public async Task Disposal_ends_connections_listener_and_tasks()
    {
        var proxy = ChaosProxy.Start(await TestServers.RedisAsync());
        await using var connection = await RespConnection.OpenAsync(proxy.Port);
        await connection.ExecuteAsync(Ping);
        proxy.DelayToServer = TimeSpan.FromMinutes(5);
        var answer = connection.ExecuteAsync(Ping);

        await proxy.DisposeAsync();
        await proxy.DisposeAsync();

        Assert.Equal(0, proxy.OpenConnections);
        await Assert.ThrowsAnyAsync<IOException>(() => answer);
        await Assert.ThrowsAsync<SocketException>(() => RespConnection.OpenAsync(proxy.Port));
        Assert.Throws<ObjectDisposedException>(() => proxy.Mode = ChaosMode.Forward);
    }
}
