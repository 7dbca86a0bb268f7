using System.Diagnostics;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Locks;

/// <summary>Locks where nodes cannot exclude each other: the server is away, or the store cannot lock. In real time.</summary>
public sealed class LockOutageTests
{
    private static readonly CacheLockOptions Brief = new() { LeaseDuration = TimeSpan.FromSeconds(2) };

    [ServerTheory(ServerKind.Redis)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_node_that_is_cut_off_is_told_before_another_gets_its_lock(bool silently)
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var other = await StartAsync(server.ConnectionString);

        // A machine that stands still over the end of the lease runs both nodes' timers at once, and either may be first. One round without that is enough.
        var rounds = 0;
        while (!await IsToldFirstAsync(server, other, silently))
        {
            Assert.True(++rounds < 5, "The holder was not told before another had its lock.");
        }
    }

    private static async Task<bool> IsToldFirstAsync(Server server, CacheNode other, bool silently)
    {
        await using var proxy = ChaosProxy.Start(server);
        await using var cut = await StartAsync(proxy.EndPoint);
        var held = await cut.Services.GetRequiredService<ICacheLocks>().AcquireAsync("lock", Brief);
        var told = new TaskCompletionSource<long>();
        held.LostToken.Register(() => told.SetResult(Stopwatch.GetTimestamp()));
        var acquiring = AcquireAsync();
        proxy.Mode = silently ? ChaosMode.BlackHole : ChaosMode.Refuse;
        if (!silently)
        {
            proxy.DropConnections();
        }

        var acquiredAt = await acquiring;
        var toldAt = await told.Task.WaitAsync(Poll.DefaultDeadline);
        await held.DisposeAsync();
        return toldAt < acquiredAt;

        async Task<long> AcquireAsync()
        {
            await using var mine = await other.Services.GetRequiredService<ICacheLocks>().AcquireAsync("lock");
            var at = Stopwatch.GetTimestamp();

            // Whoever asks is told by the clock, also before the timer has run.
            Assert.False(held.IsHeld);
            Assert.True(mine.FencingToken > held.FencingToken);
            return at;
        }
    }

    [ServerFact(ServerKind.Redis)]
    public async Task A_server_that_is_killed_gives_no_lock_and_takes_those_it_gave()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var node = await StartAsync(server.ConnectionString);
        var locks = node.Services.GetRequiredService<ICacheLocks>();
        var held = await locks.AcquireAsync("lock", Brief);
        await server.KillAsync();
        for (var i = 0; i < 10; i++)
        {
            var thrown = await Assert.ThrowsAsync<SecondLevelException>(async () => await locks.AcquireAsync("another").AsTask().WaitAsync(Poll.DefaultDeadline));
            Assert.NotNull(thrown.InnerException);
            await Assert.ThrowsAsync<SecondLevelException>(async () => await locks.TryAcquireAsync("another"));
        }

        await Poll.UntilAsync(() => held.LostToken.IsCancellationRequested, "the holder is told");
        await held.DisposeAsync();

        // Back and empty: it has forgotten the tokens too, and still gives higher ones.
        await server.RestartAsync();
        ICacheLock? next = null;

        // An attempt whose answer was lost may have taken the lock. That is given back, behind the failure that was told.
        await Poll.UntilAsync(
            async () =>
            {
                try
                {
                    next = await locks.TryAcquireAsync("lock");
                    return next is not null;
                }
                catch (SecondLevelException)
                {
                    return false;
                }
            },
            "the server gives locks again");
        Assert.NotNull(next);
        Assert.True(next.FencingToken > held.FencingToken);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_store_that_cannot_lock_is_refused_unless_the_caller_means_this_process_alone(bool foreign)
    {
        var clock = new SteppedClock();
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton<TimeProvider>(clock);
        if (foreign)
        {
            services.AddSingleton<HybridCache, ForeignHybridCache>();
        }
        else
        {
            services.AddSingleton<IDistributedCache>(new TestDistributedCache(clock));
        }

        services.AddLarder();
        await using var node = await CacheNode.StartAsync(services);
        var locks = node.Services.GetRequiredService<ICacheLocks>();
        var thrown = await Assert.ThrowsAsync<NotSupportedException>(async () => await locks.AcquireAsync("lock"));
        Assert.Contains(nameof(CacheLockOptions.IsLocal), thrown.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<NotSupportedException>(async () => await locks.TryAcquireAsync("lock"));

        var local = new CacheLockOptions { IsLocal = true };
        await using (await locks.AcquireAsync("lock", local))
        {
            Assert.Null(await locks.TryAcquireAsync("lock", local));
        }

        Assert.NotNull(await locks.TryAcquireAsync("lock", local));
    }

    // A busy machine must not look like a server that is away. One that is away refuses at once.
    private static Task<CacheNode> StartAsync(string address)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddLarder(options => options.SecondLevelTimeout = TimeSpan.FromSeconds(20)).UseRedis(address);
        return CacheNode.StartAsync(services);
    }
}
