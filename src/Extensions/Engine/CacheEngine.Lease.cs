using Larder.Backplane;
using Larder.Tags;

namespace Larder.Engine;

internal sealed partial class CacheEngine
{
    private static readonly TimeSpan FirstPoll = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestPoll = TimeSpan.FromMilliseconds(250);

    private readonly LeaseWaits _leaseWaits = new();

    /// <summary>A new entry's id and its groups' stamps as they are now, or null when they cannot be had.</summary>
    private async ValueTask<EntryOrigin?> CaptureAsync(ScopeState scope, Group[]? groups, TimeSpan expiration)
    {
        if (_second!.IsOpen)
        {
            return null;
        }

        var scopeRead = _stamps!.GetAsync(scope, expiration);
        long[]? stamps = null;
        var complete = true;
        if (groups is not null)
        {
            var reads = new ValueTask<long>[groups.Length];
            for (var i = 0; i < groups.Length; i++)
            {
                reads[i] = _stamps.GetAsync(groups[i], expiration);
            }

            stamps = new long[groups.Length];
            for (var i = 0; i < groups.Length; i++)
            {
                stamps[i] = await reads[i].ConfigureAwait(false);
                complete &= stamps[i] != 0;
            }
        }

        var scopeStamp = await scopeRead.ConfigureAwait(false);
        return complete && scopeStamp != 0 ? new EntryOrigin(RandomId.Next(), scopeStamp, stamps) : null;
    }

    /// <summary>
    /// Notes everything that could change while the factory runs, and takes the key's lease where there are leases, waiting
    /// while another node holds it; or finds the value that node has stored meanwhile. Without lease and value when the
    /// server does not answer: then the factory runs and its result stays on this node.
    /// </summary>
    /// <remarks>
    /// A lease is signed with the stamps its load has noted. Someone who has noted others was told of an invalidation in
    /// between (or has not been told yet), so the two loads cannot share a result, and the lease changes hands at once:
    /// a load that was overtaken holds up nobody. Should the one who was told less take it, both have loaded for
    /// themselves, and what is stored is invalid to the rest.
    /// </remarks>
    private async ValueTask<LoadStart<T>> BeginLoadAsync<T>(Load<T> load, string physicalKey, long obsoleteId)
    {
        var token = RandomId.Next();
        var poll = FirstPoll;
        long? waitsSince = null;
        var force = !load.Policy.ReadsSecondLevel;
        var patience = EngineClock.AddSaturating(_clock.Now, BackgroundPatience);
        while (true)
        {
            var generation = _groups.Counter;
            var origin = await CaptureAsync(load.Flight.Key.Scope, load.Groups, load.Policy.Retention).ConfigureAwait(false);
            if (origin is null || _leases is null || !WritesShared(load.Policy))
            {
                return Counted(load, waitsSince, new LoadStart<T> { Generation = generation, Origin = origin, IsUnanswered = origin is null && !IsPending(load.Flight.Key.Scope, load.Groups) });
            }

            // A holder that is alive and never ends must not hold up the other nodes for ever: then each loads for itself,
            // and only the holder may store.
            if (_clock.Now >= patience)
            {
                return Counted(load, waitsSince, new LoadStart<T> { Generation = generation });
            }

            // Registered before asking, so that an answer "someone holds it" cannot be followed by a message we miss.
            using var wait = _leaseWaits.Register(load.Flight.Key);

            // While a removal of the key waits to be told there, what the second level holds is obsolete and may be replaced.
            var demand = new LeaseDemand(force || _pending.HasKey(physicalKey), obsoleteId, origin.Signature());
            var answer = await _second!.TryLeaseAsync(physicalKey, token, demand).ConfigureAwait(false);
            if (!answer.Succeeded)
            {
                return Counted(load, waitsSince, new LoadStart<T> { Generation = generation, IsUnanswered = true });
            }

            if (answer.Value.Granted)
            {
                return Counted(load, waitsSince, new LoadStart<T> { Generation = generation, Origin = origin, Lease = _leases.Keep(physicalKey, token) });
            }

            using (var stored = answer.Value.Found)
            {
                if (stored.Exists)
                {
                    if (_pending.HasKey(physicalKey))
                    {
                        continue;
                    }

                    var found = await UseStoredAsync(load, physicalKey, stored.Data).ConfigureAwait(false);
                    if (found.IsValid)
                    {
                        return Counted(load, waitsSince, new LoadStart<T> { Found = found });
                    }

                    if (found.IsUnanswered)
                    {
                        return Counted(load, waitsSince, new LoadStart<T> { Generation = generation, IsUnanswered = true });
                    }

                    // Unreadable: there is no id to name it by, so it is replaced by force.
                    force |= found.ObsoleteId == obsoleteId;
                    obsoleteId = found.ObsoleteId;
                    continue;
                }
            }

            load.Member?.StepOut();
            load.Elsewhere?.TrySetResult();
            waitsSince ??= _clock.Provider.GetTimestamp();
            await wait.WaitAsync(poll, _clock.Provider, load.Flight.Token).ConfigureAwait(false);
            poll = poll * 2 < LongestPoll ? poll * 2 : LongestPoll;
        }
    }

    private void TellAwaiting(MemoryKey key, LeaseEnd end)
    {
        if (end != LeaseEnd.HeldAndAwaited)
        {
            return;
        }

        // Another load on this very node may wait too, if something was invalidated in between.
        _leaseWaits.Wake(key);
        if (_backplane is not null)
        {
            // Only a hint to those who wait; they also poll.
            _ = _backplane.PublishAsync(BackplaneMessage.KeyFilled(key.Scope.Id, key.Key));
        }
    }

    /// <summary>What a load knows when its factory starts; or the value that made it unnecessary.</summary>
    private readonly record struct LoadStart<T>
    {
        public Found<T> Found { get; init; }

        public long Generation { get; init; }

        public EntryOrigin? Origin { get; init; }

        public Lease Lease { get; init; }

        /// <summary>The second level did not answer on the way.</summary>
        public bool IsUnanswered { get; init; }
    }
}
