using Larder.Engine;

namespace Larder.Consistency.Levels;

/// <summary>
/// A second level whose leases mean nothing: each is granted, and each load may store. A checker that finds nothing
/// wrong with this one finds nothing at all.
/// </summary>
internal sealed class BrokenLeases(SecondLevel inner) : SecondLevelDecorator(inner)
{
    public override async Task<LeaseAnswer> TryLeaseAsync(string key, long token, LeaseDemand demand, CancellationToken cancellationToken)
    {
        if (!demand.Force && await Inner.GetIdAsync(key, cancellationToken) is { } id && id != demand.Obsolete)
        {
            var found = await Inner.GetAsync(key, default, cancellationToken);
            if (found.Exists)
            {
                return new LeaseAnswer(false, found);
            }
        }

        return new LeaseAnswer(true, default);
    }

    public override async Task<LeaseEnd> SetLeasedAsync(string key, long token, ReadOnlyMemory<byte> payload, TimeSpan expiration, CancellationToken cancellationToken)
    {
        await Inner.SetAsync(key, payload, new StoreTerms(expiration, expiration, default), cancellationToken);
        return LeaseEnd.HeldAndAwaited;
    }

    public override Task<bool> RenewLeaseAsync(string key, long token, CancellationToken cancellationToken) => Task.FromResult(true);
}
