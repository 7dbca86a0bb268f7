using System.Threading.RateLimiting;
using Larder.Tests.Shared;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Counters;

public abstract partial class CounterContract
{
    [ContractTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nodes_together_admit_exactly_the_limit(bool sliding)
    {
        var limiters = (await NodesAsync(3)).Select(node => Create(node, sliding, 100)).ToArray();
        var leases = await Task.WhenAll(Enumerable.Range(0, 600).Select(i => Task.Run(() => limiters[i % limiters.Length].AcquireAsync().AsTask())));

        Assert.Equal(100, leases.Count(lease => lease.IsAcquired));
        Assert.All(leases, lease => Assert.Equal(!lease.IsAcquired, lease.TryGetMetadata(MetadataName.RetryAfter, out _)));
        Assert.Equal(100, limiters.Sum(limiter => limiter.GetStatistics()!.TotalSuccessfulLeases));
        Assert.Equal(500, limiters.Sum(limiter => limiter.GetStatistics()!.TotalFailedLeases));
    }

    [ContractTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Several_permits_are_given_together_or_not_at_all(bool sliding)
    {
        var limiter = Create(Counters, sliding, 5);
        Assert.True(await AdmitsAsync(limiter, 0));
        Assert.True(await AdmitsAsync(limiter, 3));
        Assert.Equal(2, limiter.GetStatistics()!.CurrentAvailablePermits);
        Assert.False(await AdmitsAsync(limiter, 3));
        Assert.True(await AdmitsAsync(limiter, 2));
        Assert.False(await AdmitsAsync(limiter, 0));
        Assert.Equal(0, limiter.GetStatistics()!.CurrentAvailablePermits);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => limiter.AcquireAsync(6).AsTask());
        Assert.Throws<ArgumentOutOfRangeException>(() => limiter.AttemptAcquire(6));
    }

    [ContractFact]
    public async Task A_fixed_window_ends_its_length_after_its_first_permit_whatever_is_refused_meanwhile()
    {
        var limiter = Create(Counters, sliding: false, 2);
        await AdmitsAsync(limiter, 1);
        await AgeAsync(TimeSpan.FromMinutes(40));
        Assert.True(await AdmitsAsync(limiter, 1));
        Assert.InRange(await RetryAfterAsync(limiter), TimeSpan.FromMinutes(19), TimeSpan.FromMinutes(20));
        await AgeAsync(TimeSpan.FromMinutes(19));
        Assert.False(await AdmitsAsync(limiter, 1));
        await AgeAsync(TimeSpan.FromMinutes(1));

        Assert.True(await AdmitsAsync(limiter, 2));
        Assert.InRange(await RetryAfterAsync(limiter), TimeSpan.FromMinutes(59), TimeSpan.FromMinutes(60));
    }

    [ContractFact]
    public async Task A_sliding_window_counts_the_one_before_by_the_share_that_still_lies_in_it()
    {
        var limiter = Create(Counters, sliding: true, 100);
        Assert.True(await AdmitsAsync(limiter, 100));

        // In the next window, when a quarter of it has passed, 75 of the 100 still count.
        await AgeAsync(TimeSpan.FromMinutes(60));
        Assert.False(await AdmitsAsync(limiter, 2));
        await AgeAsync(TimeSpan.FromMinutes(15));
        Assert.False(await AdmitsAsync(limiter, 27));
        Assert.True(await AdmitsAsync(limiter, 25));

        // The 26th comes when 74 count: 0.6 minutes later. Fifty, 25 given, at 75 %: 30 minutes later.
        Assert.InRange(await RetryAfterAsync(limiter, 1), TimeSpan.FromMinutes(0.6) - Meanwhile, TimeSpan.FromMinutes(0.6));
        Assert.InRange(await RetryAfterAsync(limiter, 50), TimeSpan.FromMinutes(30) - Meanwhile, TimeSpan.FromMinutes(30));
        await AgeAsync(TimeSpan.FromMinutes(30));
        Assert.True(await AdmitsAsync(limiter, 50));

        // 75 given: 90 go only in the window after, when a share of at most 10 of them still counts: 15 minutes to its begin and 52 more.
        Assert.InRange(await RetryAfterAsync(limiter, 90), TimeSpan.FromMinutes(67) - Meanwhile, TimeSpan.FromMinutes(67));
        await AgeAsync(TimeSpan.FromMinutes(67));
        Assert.True(await AdmitsAsync(limiter, 90));

        // Two windows later nothing is left.
        await AgeAsync(TimeSpan.FromMinutes(120));
        Assert.True(await AdmitsAsync(limiter, 100));
    }

    [ContractFact]
    public async Task Who_waits_as_long_as_told_is_admitted()
    {
        foreach (var sliding in new[] { false, true })
        {
            var limiter = Create(Counters, sliding, 10);
            for (var i = 0; i < 20; i++)
            {
                while (await AdmitsAsync(limiter, 3))
                {
                }

                await AgeAsync(await RetryAfterAsync(limiter, 3));
                Assert.True(await AdmitsAsync(limiter, 3));
            }
        }
    }

    [ContractFact]
    public async Task Partitions_are_the_tenants()
    {
        await using var limiter = PartitionedRateLimiter.Create<string, string>(key => Counters.FixedWindowPartition(key, Limit(2)));
        async Task<bool> TriesAsync(string? tenant, string key, string? project = null)
        {
            using var use = CacheScope.Use(new CacheScope(tenant, project));
            using var lease = await limiter.AcquireAsync(key);
            return lease.IsAcquired;
        }

        Assert.True(await TriesAsync("acme", "api"));
        Assert.True(await TriesAsync("acme", "api", "web"));
        Assert.False(await TriesAsync("acme", "api"));
        Assert.True(await TriesAsync("globex", "api"));
        Assert.True(await TriesAsync(null, "api"));
        Assert.True(await TriesAsync("acme", "api:p"));
        await using var sliding = PartitionedRateLimiter.Create<string, string>(key => Counters.InScope(new CacheScope("acme", "web")).SlidingWindowPartition(key, Limit(1)));
        Assert.True((await sliding.AcquireAsync("api")).IsAcquired);
        Assert.False((await sliding.AcquireAsync("api")).IsAcquired);
    }

    [ContractFact]
    public async Task A_partition_keeps_to_the_kind_and_the_limit_it_was_asked_with()
    {
        var permits = 1;
        var sliding = false;
        await using var limiter = PartitionedRateLimiter.Create<string, string>(key => sliding ? Counters.SlidingWindowPartition(key, Limit(permits)) : Counters.FixedWindowPartition(key, Limit(permits)));
        async Task<bool> TriesAsync() => (await limiter.AcquireAsync("api")).IsAcquired;
        Assert.True(await TriesAsync());
        Assert.False(await TriesAsync());

        // The tenant has bought a larger plan.
        permits = 3;
        Assert.True(await TriesAsync() && await TriesAsync());
        Assert.False(await TriesAsync());

        sliding = true;
        permits = 1;
        Assert.True(await TriesAsync());
        Assert.False(await TriesAsync());
    }

    [ContractFact]
    public async Task A_limiter_that_is_disposed_of_and_made_anew_goes_on_where_it_was()
    {
        var limiter = Create(Counters, sliding: false, 1);
        Assert.True(await AdmitsAsync(limiter, 1));
        await limiter.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => limiter.AcquireAsync().AsTask());
        Assert.Throws<ObjectDisposedException>(() => limiter.AttemptAcquire());
        Assert.Throws<ObjectDisposedException>(() => limiter.GetStatistics());

        Assert.False(await AdmitsAsync(Create(Counters, sliding: false, 1), 1));
    }

    [ContractFact]
    public async Task A_clear_of_the_tenant_gives_its_permits_back()
    {
        var acme = Create(Counters.InScope(Acme), sliding: true, 1);
        var raw = Create(Counters, sliding: true, 1);
        Assert.True(await AdmitsAsync(acme, 1) && await AdmitsAsync(raw, 1));
        await Node.Services.GetRequiredService<ICacheAdmin>().ClearTenantAsync("acme");

        Assert.True(await AdmitsAsync(acme, 1));
        Assert.False(await AdmitsAsync(raw, 1));
    }

    [ContractFact]
    public async Task A_limiter_is_idle_since_its_last_use_and_a_call_that_may_not_wait_is_answered_only_in_memory()
    {
        var limiter = Create(Counters, sliding: false, 1);
        Clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(TimeSpan.FromSeconds(5), limiter.IdleDuration);
        await AdmitsAsync(limiter, 1);
        Assert.Equal(TimeSpan.Zero, limiter.IdleDuration);

        using var lease = Create(Counters, sliding: true, 1).AttemptAcquire();
        Assert.Equal(kind is null, lease.IsAcquired);
    }

    [ContractFact]
    public void Limits_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Create(Counters, sliding: false, 0));
        foreach (var window in new[] { TimeSpan.Zero, TimeSpan.FromTicks(1), TimeSpan.MaxValue })
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => Counters.CreateSlidingWindowLimiter("key", new CacheRateLimiterOptions { PermitLimit = 1, Window = window }));
        }
    }

    /// <summary>By how much less than the exact time may be told: at a server the real time goes on beside the one that a test lets pass.</summary>
    private TimeSpan Meanwhile => TimeSpan.FromSeconds(kind is null ? 6 : 30);

    private static CacheRateLimiterOptions Limit(int permits) => new() { PermitLimit = permits, Window = TimeSpan.FromHours(1) };

    private static RateLimiter Create(ICacheCounters counters, bool sliding, int permits) =>
        sliding ? counters.CreateSlidingWindowLimiter("limited", Limit(permits)) : counters.CreateFixedWindowLimiter("limited", Limit(permits));

    private static async Task<bool> AdmitsAsync(RateLimiter limiter, int permits)
    {
        using var lease = await limiter.AcquireAsync(permits);
        return lease.IsAcquired;
    }

    private static async Task<TimeSpan> RetryAfterAsync(RateLimiter limiter, int permits = 1)
    {
        using var lease = await limiter.AcquireAsync(permits);
        Assert.False(lease.IsAcquired);
        Assert.True(lease.TryGetMetadata(MetadataName.RetryAfter, out var after));
        return after;
    }
}
