using System.Collections.Concurrent;
using Larder.Engine;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Tests;

/// <summary>
/// A second level that answers on the caller's thread, so that a call ends before it returns unless a test holds it up.
/// Nothing expires.
/// </summary>
internal sealed class TestSecondLevel(bool hasLeases = false) : SecondLevel
{
    private readonly ConcurrentDictionary<string, byte[]> _values = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _stamps = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (long Token, bool IsAwaited)> _leases = new(StringComparer.Ordinal);
    private long _count;

    public override bool HasLeases => hasLeases;

    /// <summary>Awaited before each call of that name; its argument is the key or group. What it throws is the call's failure.</summary>
    public Func<string, string, Task>? Before { get; set; }

    /// <summary>Called when it is asked to look for another server, after each answer.</summary>
    public Action? Looked { get; set; }

    /// <summary>What was asked for, in the order in which it was done.</summary>
    public ConcurrentQueue<(string Call, string Key)> Done { get; } = new();

    /// <summary>The longest life each group's stamp was asked to have.</summary>
    public ConcurrentDictionary<string, TimeSpan> StampLives { get; } = new(StringComparer.Ordinal);

    /// <summary>The payloads as they were handed over, in the engine's own buffers.</summary>
    public ConcurrentQueue<ReadOnlyMemory<byte>> HandedOver { get; } = new();

    public ICollection<string> Keys => _values.Keys;

    /// <summary>Where the number stands that all nodes count up.</summary>
    public long Count
    {
        get => Interlocked.Read(ref _count);
        set => Interlocked.Exchange(ref _count, value);
    }

    /// <summary>Another node invalidates whatever has a stamp, and no message tells of it.</summary>
    public void ReplaceStamps()
    {
        foreach (var group in _stamps.Keys)
        {
            _stamps[group] = RandomId.Next();
        }
    }

    public override void LookForTakeover() => Looked?.Invoke();

    public override Task<StoredPayload> GetAsync(string key, HybridCacheEntryFlags flags, CancellationToken cancellationToken) =>
        RunAsync("Get", key, () => _values.TryGetValue(key, out var value) ? new StoredPayload(value, null) : default);

    public override Task<long?> GetIdAsync(string key, CancellationToken cancellationToken) => RunAsync("GetId", key, () => IdOf(key));

    public override Task SetAsync(string key, ReadOnlyMemory<byte> payload, StoreTerms terms, CancellationToken cancellationToken)
    {
        HandedOver.Enqueue(payload);
        return RunAsync("Set", key, () =>
        {
            _values[key] = payload.ToArray();
            return _leases.TryRemove(key, out _);
        });
    }

    public override Task RemoveAsync(string key, CancellationToken cancellationToken) => RunAsync("Remove", key, () =>
    {
        _values.TryRemove(key, out _);
        return _leases.TryRemove(key, out _);
    });

    public override Task<long> GetStampAsync(string group, TimeSpan life, CancellationToken cancellationToken) => RunAsync("GetStamp", group, () =>
    {
        StampLives.AddOrUpdate(group, life, (_, known) => life > known ? life : known);
        return _stamps.GetOrAdd(group, _ => RandomId.Next());
    });

    public override Task SetStampAsync(string group, long stamp, TimeSpan life, CancellationToken cancellationToken) =>
        RunAsync("SetStamp", group, () => _stamps[group] = stamp);

    public override Task<LeaseAnswer> TryLeaseAsync(string key, long token, LeaseDemand demand, CancellationToken cancellationToken) => RunAsync("TryLease", key, () =>
    {
        if (!demand.Force && IdOf(key) is { } id && id != demand.Obsolete)
        {
            return new LeaseAnswer(false, new StoredPayload(_values[key], null));
        }

        if (!demand.Force && _leases.TryGetValue(key, out var held))
        {
            _leases[key] = held with { IsAwaited = true };
            return new LeaseAnswer(false, default);
        }

        _leases[key] = (token, false);
        return new LeaseAnswer(true, default);
    });

    public override Task<LeaseEnd> SetLeasedAsync(string key, long token, ReadOnlyMemory<byte> payload, TimeSpan expiration, CancellationToken cancellationToken)
    {
        HandedOver.Enqueue(payload);
        return RunAsync("SetLeased", key, () =>
        {
            var end = GiveBack(key, token);
            if (end != LeaseEnd.Lost)
            {
                _values[key] = payload.ToArray();
            }

            return end;
        });
    }

    public override Task<bool> RenewLeaseAsync(string key, long token, CancellationToken cancellationToken) =>
        RunAsync("RenewLease", key, () => _leases.TryGetValue(key, out var held) && held.Token == token);

    public override Task<LeaseEnd> ReleaseLeaseAsync(string key, long token, CancellationToken cancellationToken) =>
        RunAsync("ReleaseLease", key, () => GiveBack(key, token));

    public override bool CanList => true;

    /// <summary>Two pages: first what is stored, then what is leased. A load that ends in between shows in neither.</summary>
    public override async IAsyncEnumerable<IReadOnlyList<string>> ListAsync(
        string start, bool withLeases, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        yield return await RunAsync("ListValues", start, () => _values.Keys.Where(key => key.StartsWith(start, StringComparison.Ordinal)).ToArray());
        if (withLeases)
        {
            yield return await RunAsync("ListLeases", start, () => _leases.Keys.Where(key => key.StartsWith(start, StringComparison.Ordinal)).ToArray());
        }
    }

    public override Task ForgetLocallyAsync(string key, CancellationToken cancellationToken) => RunAsync("ForgetLocally", key, () => true);

    public override Task<long> AdvanceAsync(CancellationToken cancellationToken) => RunAsync("Advance", "", () => Interlocked.Increment(ref _count));

    private LeaseEnd GiveBack(string key, long token) =>
        !_leases.TryGetValue(key, out var held) || held.Token != token || !_leases.TryRemove(key, out held) ? LeaseEnd.Lost
        : held.IsAwaited ? LeaseEnd.HeldAndAwaited
        : LeaseEnd.Held;

    private long? IdOf(string key) => _values.TryGetValue(key, out var value) ? BitConverter.ToInt64(value, EntryPayload.IdOffset) : null;

    private async Task<T> RunAsync<T>(string call, string key, Func<T> step)
    {
        if (Before is { } before)
        {
            await before(call, key);
        }

        var result = step();
        Done.Enqueue((call, key));
        return result;
    }
}
