using System.Diagnostics;
using Larder.Tests.Shared;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using Xunit;

namespace Larder.Tests.Locks;

/// <summary>What locks promise, over memory and each kind of server.</summary>
public abstract class LockContract(ServerKind? kind) : LarderContract
{
    private static readonly CacheScope Acme = new("acme");

    private ICacheLocks Locks => Of(Node);

    private protected override Backend Backend { get; } = kind is { } server ? Backend.Of(server) : Backend.Memory();

    [ContractFact]
    public async Task One_at_a_time_holds_it_on_all_nodes_and_each_has_a_higher_token_than_the_one_before()
    {
        const int Rounds = 25;
        var nodes = await NodesAsync(3);
        var tokens = new List<long>();
        var guarded = 0;
        var inside = 0;
        var contenders = Enumerable.Range(0, 24).Select(i => Task.Run(async () =>
        {
            for (var round = 0; round < Rounds; round++)
            {
                await using var held = await nodes[i % nodes.Length].AcquireAsync("lock");
                Assert.Equal(1, Interlocked.Increment(ref inside));
                var before = guarded;
                await Task.Yield();
                guarded = before + 1;
                tokens.Add(held.FencingToken);
                Assert.True(held.IsHeld);
                Interlocked.Decrement(ref inside);
            }
        }));
        await Task.WhenAll(contenders);

        Assert.Equal(24 * Rounds, guarded);
        Assert.Equal(tokens.Distinct().Order(), tokens);
    }

    [ContractFact]
    public async Task Who_tries_does_not_wait_and_gets_it_when_it_is_free()
    {
        var nodes = await NodesAsync(2);
        var held = await nodes[0].TryAcquireAsync("lock");
        Assert.NotNull(held);
        Assert.Equal("lock", held.Name);
        Assert.Null(await nodes[0].TryAcquireAsync("lock"));
        Assert.Null(await nodes[^1].TryAcquireAsync("lock"));
        Assert.NotNull(await nodes[^1].TryAcquireAsync("another"));

        await held.DisposeAsync();
        Assert.False(held.IsHeld);
        Assert.False(held.LostToken.IsCancellationRequested);
        await using var next = await nodes[^1].TryAcquireAsync("lock");
        Assert.NotNull(next);
        Assert.True(next.FencingToken > held.FencingToken);
    }

    [ContractFact]
    public async Task A_wait_ends_with_its_timeout_and_leaves_nothing_behind()
    {
        var nodes = await NodesAsync(2);
        var held = await nodes[0].AcquireAsync("lock");
        var options = new CacheLockOptions { Timeout = TimeSpan.FromMilliseconds(100) };
        foreach (var node in nodes)
        {
            var acquiring = node.AcquireAsync("lock", options).AsTask();
            var trying = node.TryAcquireAsync("lock", options).AsTask();
            await PassTimeUntilAsync(Task.WhenAny(Task.WhenAll((Task)acquiring, trying)));
            Assert.Contains("'lock'", (await Assert.ThrowsAsync<TimeoutException>(() => acquiring)).Message, StringComparison.Ordinal);
            Assert.Null(await trying);
        }

        await held.DisposeAsync();
        await LeavesNothingAsync();
    }

    [ContractFact]
    public async Task A_wait_that_is_cancelled_ends_and_leaves_nothing_behind()
    {
        var nodes = await NodesAsync(2);
        var held = await nodes[0].AcquireAsync("lock");
        foreach (var node in nodes)
        {
            using var cancellation = new CancellationTokenSource();
            var waits = Enumerable.Range(0, 3).Select(_ => node.AcquireAsync("lock", null, cancellation.Token).AsTask()).ToArray();
            Assert.All(waits, wait => Assert.False(wait.IsCompleted));
            await cancellation.CancelAsync();
            foreach (var wait in waits)
            {
                var thrown = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait);
                Assert.Equal(cancellation.Token, thrown.CancellationToken);
            }

            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await node.TryAcquireAsync("free", null, cancellation.Token));
        }

        await held.DisposeAsync();
        await LeavesNothingAsync();
    }

    [ContractFact]
    public async Task Callers_of_one_node_get_it_in_the_order_in_which_they_came()
    {
        var held = await Locks.AcquireAsync("lock");
        var order = new List<int>();
        var waits = Enumerable.Range(0, 10).Select(async i =>
        {
            await using var mine = await Locks.AcquireAsync("lock");
            order.Add(i);
        }).ToArray();
        await held.DisposeAsync();
        await Task.WhenAll(waits);

        Assert.Equal(Enumerable.Range(0, 10), order);
    }

    [ContractFact]
    public async Task No_two_scopes_or_names_share_a_lock_whatever_their_characters()
    {
        string[] names = ["", ":", "a", "a:b", "{a}", "}", "{", "}:lock", "}:fence", "}:lease", "%7B", "*", "\0", "é", "e\u0301", "\uD800", "\uDFFF", new('x', 1_025), new('x', 10_240)];
        CacheScope[] scopes = [.. from tenant in (string?[])[null, "", "a", "a:p", "{"] from name in (string?[])[null, "", "b"] select new CacheScope(tenant, null, name)];
        var held = new List<ICacheLock>();
        foreach (var (scope, name) in from scope in scopes from name in names select (scope, name))
        {
            var mine = await Locks.InScope(scope).TryAcquireAsync(name);
            Assert.NotNull(mine);
            Assert.Equal(name, mine.Name);
            Assert.Null(await Locks.InScope(scope).TryAcquireAsync(name));
            held.Add(mine);
        }

        await Task.WhenAll(held.Select(one => one.DisposeAsync().AsTask()));
    }

    [ContractFact]
    public async Task The_ambient_scope_is_locked_and_a_view_keeps_its_own()
    {
        await using var held = await Locks.AcquireAsync("lock");
        using (CacheScope.Use(Acme))
        {
            await using var other = await Locks.TryAcquireAsync("lock");
            Assert.NotNull(other);
            Assert.Null(await Locks.InScope(CacheScope.Raw).TryAcquireAsync("lock"));
        }
    }

    [ContractFact]
    public async Task Entries_counters_tags_and_clears_do_not_touch_a_lock_of_their_name()
    {
        var nodes = await NodesAsync(2);
        await using var held = await Locks.AcquireAsync("lock");
        var counters = Node.Services.GetRequiredService<ICacheCounters>();
        await Cache.SetAsync("lock", "value", tags: ["lock"]);
        await counters.IncrementAsync("lock", 7);
        Assert.Equal("value", (await Cache.TryGetAsync<string>("lock")).Value);
        Assert.Equal(7, await counters.GetAsync("lock"));

        await Cache.RemoveAsync("lock");
        await Cache.RemoveByTagAsync("lock");
        await counters.ResetAsync("lock");
        await Node.Services.GetRequiredService<ICacheAdmin>().ClearAllAsync();
        Assert.Null(await nodes[^1].TryAcquireAsync("lock"));
        Assert.True(held.IsHeld);
    }

    [ContractFact]
    public async Task Disposing_of_it_again_does_not_take_it_from_the_next_holder()
    {
        var first = await Locks.AcquireAsync("lock");
        await first.DisposeAsync();
        await using var second = await Locks.AcquireAsync("lock");
        await first.DisposeAsync();

        Assert.Null(await Locks.TryAcquireAsync("lock"));
        Assert.True(second.IsHeld);
    }

    [ContractFact]
    public async Task A_node_that_is_disposed_of_has_lost_its_locks_and_the_next_gets_them_after_that_alone()
    {
        var dying = await Backend.StartNodeAsync();
        var options = new CacheLockOptions { LeaseDuration = TimeSpan.FromSeconds(3) };
        var locks = Of(dying);
        var began = Stopwatch.GetTimestamp();
        var held = await locks.AcquireAsync("lock", options);
        var waiting = locks.AcquireAsync("lock", options).AsTask();
        var told = new TaskCompletionSource();
        held.LostToken.Register(told.SetResult);
        await dying.DisposeAsync();

        Assert.True(told.Task.IsCompleted);
        Assert.False(held.IsHeld);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await locks.TryAcquireAsync("another"));
        var early = await Locks.TryAcquireAsync("lock");
        if (Backend.IsShared)
        {
            // The lease ends by the server's clock, also while this machine stands still.
            Assert.True(early is null || Stopwatch.GetElapsedTime(began) >= options.LeaseDuration, "The lock was given away before the lease of the one who had it was over.");
        }

        await (early?.DisposeAsync() ?? default);
        await using var next = await Locks.AcquireAsync("lock");
        Assert.True(next.IsHeld);
        await held.DisposeAsync();
        Assert.True(next.IsHeld);
    }

    [ContractFact]
    public async Task A_lock_within_the_process_is_another_than_the_shared_one()
    {
        var nodes = await NodesAsync(2);
        var local = new CacheLockOptions { IsLocal = true };
        await using var shared = await nodes[0].AcquireAsync("lock");
        await using var mine = await nodes[^1].TryAcquireAsync("lock", local);
        Assert.Null(await nodes[^1].TryAcquireAsync("lock", local));
        if (Backend.IsShared)
        {
            await using var others = await nodes[0].TryAcquireAsync("lock", local);
            Assert.NotNull(others);
            Assert.NotNull(mine);
        }
    }

    [ContractFact]
    public async Task What_is_out_of_range_is_refused()
    {
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Locks.AcquireAsync(null!));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await Locks.TryAcquireAsync(null!));
        Assert.Throws<ArgumentNullException>(() => Locks.InScope(null!));
        foreach (var timeout in new[] { TimeSpan.FromTicks(-1), TimeSpan.MinValue, TimeSpan.MaxValue, TimeSpan.FromDays(50) })
        {
            var thrown = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await Locks.AcquireAsync("lock", new CacheLockOptions { Timeout = timeout }));
            Assert.Equal(timeout, thrown.ActualValue);
        }

        foreach (var lease in new[] { TimeSpan.Zero, TimeSpan.FromMilliseconds(999), TimeSpan.FromMinutes(11), TimeSpan.MaxValue })
        {
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await Locks.TryAcquireAsync("lock", new CacheLockOptions { LeaseDuration = lease }));
        }

        await using var held = await Locks.TryAcquireAsync("lock", new CacheLockOptions { Timeout = Timeout.InfiniteTimeSpan, LeaseDuration = TimeSpan.FromMinutes(10) });
        Assert.NotNull(held);
    }

    private protected static ICacheLocks Of(CacheNode node) => node.Services.GetRequiredService<ICacheLocks>();

    /// <summary>As many nodes as share locks: one where there is no server.</summary>
    private protected async Task<ICacheLocks[]> NodesAsync(int count)
    {
        var nodes = new List<ICacheLocks> { Locks };
        while (Backend.IsShared && nodes.Count < count)
        {
            nodes.Add(Of(await StartAsync(null)));
        }

        return [.. nodes];
    }

    /// <summary>No lock stands at the server, and none is held or waited for in this process.</summary>
    private protected virtual Task LeavesNothingAsync()
    {
        Assert.Equal(0, Node.Services.GetRequiredService<Larder.Locks.LockStore>().Count);
        return Task.CompletedTask;
    }

    private async Task PassTimeUntilAsync(Task ended)
    {
        while (!ended.IsCompleted)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(10));
            await Task.WhenAny(ended, Task.Delay(10));
        }
    }
}

public sealed class InMemoryLockTests() : LockContract(null);
