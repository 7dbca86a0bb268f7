using Larder.Engine;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Consistency.Levels;

/// <summary>A second level that keeps nothing and agrees to everything, so that only the engine's own memory can grow.</summary>
internal sealed class ForgetfulLevel : SecondLevel
{
    private long _count;

    public override bool HasLeases => true;

    public override Task<StoredPayload> GetAsync(string key, HybridCacheEntryFlags flags, CancellationToken cancellationToken) =>
        Task.FromResult(default(StoredPayload));

    public override Task<long?> GetIdAsync(string key, CancellationToken cancellationToken) => Task.FromResult<long?>(null);

    public override Task SetAsync(string key, ReadOnlyMemory<byte> payload, StoreTerms terms, CancellationToken cancellationToken) => Task.CompletedTask;

    public override Task RemoveAsync(string key, CancellationToken cancellationToken) => Task.CompletedTask;

    public override Task<long> GetStampAsync(string group, TimeSpan life, CancellationToken cancellationToken) => Task.FromResult(1L);

    public override Task SetStampAsync(string group, long stamp, TimeSpan life, CancellationToken cancellationToken) => Task.CompletedTask;

    public override Task<LeaseAnswer> TryLeaseAsync(string key, long token, LeaseDemand demand, CancellationToken cancellationToken) =>
        Task.FromResult(new LeaseAnswer(true, default));

    public override Task<LeaseEnd> SetLeasedAsync(string key, long token, ReadOnlyMemory<byte> payload, TimeSpan expiration, CancellationToken cancellationToken) =>
        Task.FromResult(LeaseEnd.HeldAndAwaited);

    public override Task<bool> RenewLeaseAsync(string key, long token, CancellationToken cancellationToken) => Task.FromResult(true);

    public override Task<LeaseEnd> ReleaseLeaseAsync(string key, long token, CancellationToken cancellationToken) => Task.FromResult(LeaseEnd.Held);

    public override Task<long> AdvanceAsync(CancellationToken cancellationToken) => Task.FromResult(++_count);
}
