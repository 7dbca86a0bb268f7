using Larder.Engine;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Consistency.Levels;

/// <summary>What a node asks its second level.</summary>
internal enum LevelCall
{
    Get,
    GetId,
    Set,
    Replace,
    Remove,
    GetStamp,
    SetStamp,
    TryLease,
    SetLeased,
    RenewLease,
    ReleaseLease,
    Advance,
}

/// <summary>
/// Lets a test stand before and after each call of one node: to delay it, to hold it at a gate, or to make it fail.
/// A failure after the call is an answer that was lost: the server has done what was asked.
/// </summary>
internal sealed class HookedSecondLevel(SecondLevel inner) : SecondLevelDecorator(inner)
{
    public Func<LevelCall, string, Task>? Before { get; set; }

    public Func<LevelCall, string, Task>? After { get; set; }

    public override Task<StoredPayload> GetAsync(string key, HybridCacheEntryFlags flags, CancellationToken cancellationToken) =>
        RunAsync(LevelCall.Get, key, () => Inner.GetAsync(key, flags, cancellationToken));

    public override Task<long?> GetIdAsync(string key, CancellationToken cancellationToken) =>
        RunAsync(LevelCall.GetId, key, () => Inner.GetIdAsync(key, cancellationToken));

    public override Task SetAsync(string key, ReadOnlyMemory<byte> payload, StoreTerms terms, CancellationToken cancellationToken) =>
        RunAsync(LevelCall.Set, key, () => Inner.SetAsync(key, payload, terms, cancellationToken));

    public override Task<bool> ReplaceAsync(string key, long expectedId, ReadOnlyMemory<byte> payload, TimeSpan expiration, CancellationToken cancellationToken) =>
        RunAsync(LevelCall.Replace, key, () => Inner.ReplaceAsync(key, expectedId, payload, expiration, cancellationToken));

    public override Task RemoveAsync(string key, CancellationToken cancellationToken) =>
        RunAsync(LevelCall.Remove, key, () => Inner.RemoveAsync(key, cancellationToken));

    public override Task<long> GetStampAsync(string group, TimeSpan life, CancellationToken cancellationToken) =>
        RunAsync(LevelCall.GetStamp, group, () => Inner.GetStampAsync(group, life, cancellationToken));

    public override Task SetStampAsync(string group, long stamp, TimeSpan life, CancellationToken cancellationToken) =>
        RunAsync(LevelCall.SetStamp, group, () => Inner.SetStampAsync(group, stamp, life, cancellationToken));

    public override Task<LeaseAnswer> TryLeaseAsync(string key, long token, LeaseDemand demand, CancellationToken cancellationToken) =>
        RunAsync(LevelCall.TryLease, key, () => Inner.TryLeaseAsync(key, token, demand, cancellationToken));

    public override Task<LeaseEnd> SetLeasedAsync(string key, long token, ReadOnlyMemory<byte> payload, TimeSpan expiration, CancellationToken cancellationToken) =>
        RunAsync(LevelCall.SetLeased, key, () => Inner.SetLeasedAsync(key, token, payload, expiration, cancellationToken));

    public override Task<bool> RenewLeaseAsync(string key, long token, CancellationToken cancellationToken) =>
        RunAsync(LevelCall.RenewLease, key, () => Inner.RenewLeaseAsync(key, token, cancellationToken));

    public override Task<LeaseEnd> ReleaseLeaseAsync(string key, long token, CancellationToken cancellationToken) =>
        RunAsync(LevelCall.ReleaseLease, key, () => Inner.ReleaseLeaseAsync(key, token, cancellationToken));

    public override Task<long> AdvanceAsync(CancellationToken cancellationToken) =>
        RunAsync(LevelCall.Advance, "", () => Inner.AdvanceAsync(cancellationToken));

    private Task RunAsync(LevelCall call, string key, Func<Task> run) => RunAsync(call, key, async () =>
    {
        await run();
        return true;
    });

    private async Task<T> RunAsync<T>(LevelCall call, string key, Func<Task<T>> run)
    {
        if (Before is { } before)
        {
            await before(call, key);
        }

        var result = await run();
        if (After is { } after)
        {
            await after(call, key);
        }

        return result;
    }
}
