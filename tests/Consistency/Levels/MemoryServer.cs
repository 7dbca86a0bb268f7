using Larder.Engine;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Consistency.Levels;

/// <summary>
/// A server in this process that does what the scripts do on Redis, one step at a time under one lock. With it an
/// interleaving can be laid out call by call. Nothing expires but leases.
/// </summary>
internal sealed class MemoryServer
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, byte[]> _values = [];
    private readonly Dictionary<string, (long Token, long Signature, long Until)> _leases = [];
    private readonly Dictionary<string, long> _stamps = [];
    private long _count;

    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(5);

    public SecondLevel Connect() => new Level(this);

    /// <summary>All keys go, as under a want of memory. The count stays: were it lost too, the nodes would sooner or later clear everything.</summary>
    public void Evict()
    {
        lock (_lock)
        {
            _values.Clear();
            _leases.Clear();
            _stamps.Clear();
        }
    }

    /// <summary>What a replica has that lags behind from now on. Calling the result makes it the server.</summary>
    public Action Replicate()
    {
        lock (_lock)
        {
            var (values, leases, stamps, count) = (_values.ToArray(), _leases.ToArray(), _stamps.ToArray(), _count);
            return () =>
            {
                lock (_lock)
                {
                    Evict();
                    foreach (var (key, value) in values)
                    {
                        _values[key] = value;
                    }

                    foreach (var (key, lease) in leases)
                    {
                        _leases[key] = lease;
                    }

                    foreach (var (group, stamp) in stamps)
                    {
                        _stamps[group] = stamp;
                    }

                    _count = count;
                }
            };
        }
    }

    private sealed class Level(MemoryServer server) : SecondLevel
    {
        public override bool HasLeases => true;

        public override Task<StoredPayload> GetAsync(string key, HybridCacheEntryFlags flags, CancellationToken cancellationToken) =>
            RunAsync(() => server._values.TryGetValue(key, out var value) ? new StoredPayload(value, null) : default);

        public override Task<long?> GetIdAsync(string key, CancellationToken cancellationToken) => RunAsync(() => IdOf(key));

        public override Task SetAsync(string key, ReadOnlyMemory<byte> payload, StoreTerms terms, CancellationToken cancellationToken) => RunAsync(() =>
        {
            server._values[key] = payload.ToArray();
            return server._leases.Remove(key);
        });

        public override Task<bool> ReplaceAsync(string key, long expectedId, ReadOnlyMemory<byte> payload, TimeSpan expiration, CancellationToken cancellationToken) => RunAsync(() =>
        {
            if (IdOf(key) != expectedId)
            {
                return false;
            }

            server._values[key] = payload.ToArray();
            server._leases.Remove(key);
            return true;
        });

        public override Task RemoveAsync(string key, CancellationToken cancellationToken) => RunAsync(() =>
        {
            server._values.Remove(key);
            return server._leases.Remove(key);
        });

        public override Task<long> GetStampAsync(string group, TimeSpan life, CancellationToken cancellationToken) => RunAsync(() =>
        {
            if (!server._stamps.TryGetValue(group, out var stamp))
            {
                server._stamps[group] = stamp = Random.Shared.NextInt64(1, long.MaxValue);
            }

            return stamp;
        });

        public override Task SetStampAsync(string group, long stamp, TimeSpan life, CancellationToken cancellationToken) =>
            RunAsync(() => server._stamps[group] = stamp);

        public override Task<LeaseAnswer> TryLeaseAsync(string key, long token, LeaseDemand demand, CancellationToken cancellationToken) => RunAsync(() =>
        {
            if (!demand.Force)
            {
                if (IdOf(key) is { } id && id != demand.Obsolete)
                {
                    return new LeaseAnswer(false, new StoredPayload(server._values[key], null));
                }

                if (server._leases.TryGetValue(key, out var held) && held.Signature == demand.Signature && held.Until > Environment.TickCount64)
                {
                    return new LeaseAnswer(false, default);
                }
            }

            server._leases[key] = (token, demand.Signature, Environment.TickCount64 + (long)server.LeaseDuration.TotalMilliseconds);
            return new LeaseAnswer(true, default);
        });

        public override Task<LeaseEnd> SetLeasedAsync(string key, long token, ReadOnlyMemory<byte> payload, TimeSpan expiration, CancellationToken cancellationToken) =>
            RunAsync(() =>
            {
                if (!Holds(key, token))
                {
                    return LeaseEnd.Lost;
                }

                server._values[key] = payload.ToArray();
                server._leases.Remove(key);
                return LeaseEnd.HeldAndAwaited;
            });

        public override Task<bool> RenewLeaseAsync(string key, long token, CancellationToken cancellationToken) => RunAsync(() =>
        {
            if (!Holds(key, token))
            {
                return false;
            }

            server._leases[key] = (token, server._leases[key].Signature, Environment.TickCount64 + (long)server.LeaseDuration.TotalMilliseconds);
            return true;
        });

        public override Task<LeaseEnd> ReleaseLeaseAsync(string key, long token, CancellationToken cancellationToken) =>
            RunAsync(() => Holds(key, token) && server._leases.Remove(key) ? LeaseEnd.HeldAndAwaited : LeaseEnd.Lost);

        public override Task<long> AdvanceAsync(CancellationToken cancellationToken) => RunAsync(() => ++server._count);

        private bool Holds(string key, long token) =>
            server._leases.TryGetValue(key, out var held) && held.Token == token && held.Until > Environment.TickCount64;

        private long? IdOf(string key) => server._values.TryGetValue(key, out var value) && value.Length >= EntryPayload.IdOffset + 8
            ? BitConverter.ToInt64(value, EntryPayload.IdOffset)
            : null;

        // Off the caller's thread, as an answer from a server would be.
        private async Task<T> RunAsync<T>(Func<T> step)
        {
            await Task.Yield();
            lock (server._lock)
            {
                return step();
            }
        }
    }
}
