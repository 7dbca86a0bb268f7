using Larder.Engine;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Consistency.Levels;

/// <summary>Passes everything on. What a test wants otherwise it overrides.</summary>
internal abstract class SecondLevelDecorator(SecondLevel inner) : SecondLevel
{
    public override bool HasLeases => inner.HasLeases;

    public override bool KeepsOwnMemory => inner.KeepsOwnMemory;

    protected SecondLevel Inner => inner;

    public override Task<StoredPayload> GetAsync(string key, HybridCacheEntryFlags flags, CancellationToken cancellationToken) =>
        inner.GetAsync(key, flags, cancellationToken);

    public override Task<long?> GetIdAsync(string key, CancellationToken cancellationToken) => inner.GetIdAsync(key, cancellationToken);

    public override Task SetAsync(string key, ReadOnlyMemory<byte> payload, StoreTerms terms, CancellationToken cancellationToken) =>
        inner.SetAsync(key, payload, terms, cancellationToken);

    public override Task<bool> ReplaceAsync(string key, long expectedId, ReadOnlyMemory<byte> payload, TimeSpan expiration, CancellationToken cancellationToken) =>
        inner.ReplaceAsync(key, expectedId, payload, expiration, cancellationToken);

    public override Task RemoveAsync(string key, CancellationToken cancellationToken) => inner.RemoveAsync(key, cancellationToken);

    public override Task<long> GetStampAsync(string group, TimeSpan life, CancellationToken cancellationToken) =>
        inner.GetStampAsync(group, life, cancellationToken);

    public override Task SetStampAsync(string group, long stamp, TimeSpan life, CancellationToken cancellationToken) =>
        inner.SetStampAsync(group, stamp, life, cancellationToken);

    public override Task<LeaseAnswer> TryLeaseAsync(string key, long token, LeaseDemand demand, CancellationToken cancellationToken) =>
        inner.TryLeaseAsync(key, token, demand, cancellationToken);

    public override Task<LeaseEnd> SetLeasedAsync(string key, long token, ReadOnlyMemory<byte> payload, TimeSpan expiration, CancellationToken cancellationToken) =>
        inner.SetLeasedAsync(key, token, payload, expiration, cancellationToken);

    public override Task<bool> RenewLeaseAsync(string key, long token, CancellationToken cancellationToken) =>
        inner.RenewLeaseAsync(key, token, cancellationToken);

    public override Task<LeaseEnd> ReleaseLeaseAsync(string key, long token, CancellationToken cancellationToken) =>
        inner.ReleaseLeaseAsync(key, token, cancellationToken);

    public override Task TouchAsync(string key, long id, TimeSpan left, TimeSpan sliding, CancellationToken cancellationToken) =>
        inner.TouchAsync(key, id, left, sliding, cancellationToken);

    public override Task<long> AdvanceAsync(CancellationToken cancellationToken) => inner.AdvanceAsync(cancellationToken);
}
