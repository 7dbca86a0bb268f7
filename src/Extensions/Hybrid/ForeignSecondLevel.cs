using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Larder.Engine;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Caching.Memory;

namespace Larder.Hybrid;

/// <summary>A <see cref="HybridCache"/> that the application registered, used as a store: it keeps entries in its own memory and wherever else it likes.</summary>
/// <remarks>
/// <para>The engine does the rest (flights, stamps, tags, policies), so these mean the same over every implementation. The wrapped
/// cache is only ever asked for what it has, and told what to keep or drop; it never runs a factory.</para>
/// <para>Stamps live where all nodes see them: at the server or the <c>IDistributedCache</c> if there is one; otherwise in the
/// process, which then is the only one.</para>
/// <para><b>Barriers.</b> A wrapped cache may have a read of its own second level under way when a key is changed, and put the old
/// value into its memory afterwards. So for some seconds after a change through this process, or one another node told
/// of, only the entry stored since then is accepted for that key.</para>
/// <para><b>Sliding.</b> An entry that ends when it is not read has a second one beside it that says when it was read last. That one alone is
/// written again, so noting a read can never bring back a value that someone removes at that moment.</para>
/// </remarks>
internal sealed class ForeignSecondLevel(HybridCache foreign, SecondLevel? stamps, IMemoryCache? sharedMemory, TimeSpan longestLocal, EngineClock clock) : SecondLevel
{
    private const long BarrierMilliseconds = 30_000;
    private const int MaximumLocalStamps = 100_000;
    private const int MaximumBarriers = 100_000;

    // Microsoft's implementation does not cache keys of more than 1,024 characters, and says so to nobody.
    private const int MaximumKeyLength = 900;

    private static readonly HybridCacheEntryOptions ReadOnly = new() { Flags = HybridCacheEntryFlags.DisableUnderlyingData };

    private readonly ConcurrentDictionary<string, Barrier> _barriers = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<(string Key, long Until)> _barrierOrder = new();
    private readonly ConcurrentDictionary<string, long> _localStamps = new(StringComparer.Ordinal);

    public override bool KeepsOwnMemory => true;

    public override bool ProlongsStamps => stamps?.ProlongsStamps ?? true;

    public override async Task<StoredPayload> GetAsync(string key, HybridCacheEntryFlags flags, CancellationToken cancellationToken)
    {
        var options = (flags & (HybridCacheEntryFlags.DisableLocalCache | HybridCacheEntryFlags.DisableDistributedCache)) == 0
            ? ReadOnly
            : new HybridCacheEntryOptions { Flags = HybridCacheEntryFlags.DisableUnderlyingData | flags };
        var payload = await foreign.GetOrCreateAsync<ForeignPayload?>(Key(key), static _ => default, options, null, cancellationToken).ConfigureAwait(false);
        if (payload?.Data is not { } data || !Passes(key, data) || (EntryPayload.MaySlide(data) && await ReadNoteAsync(key).ConfigureAwait(false) is null))
        {
            return default;
        }

        return new StoredPayload(data, null);
    }

    public override async Task TouchAsync(string key, long id, TimeSpan left, TimeSpan sliding, CancellationToken cancellationToken)
    {
        // Readers come without memory of the last note: the note itself says whether it is time for another.
        if (await ReadNoteAsync(key).ConfigureAwait(false) is { } read && clock.UtcNowMilliseconds - read >= sliding.TotalMilliseconds / 8)
        {
            await NoteReadAsync(key, new StoreTerms(left, left, default, sliding)).ConfigureAwait(false);
        }
    }

    public override async Task<long?> GetIdAsync(string key, CancellationToken cancellationToken)
    {
        using var stored = await GetAsync(key, HybridCacheEntryFlags.None, cancellationToken).ConfigureAwait(false);
        return stored.Exists ? Id(stored.Data.Span) : null;
    }

    public override async Task SetAsync(string key, ReadOnlyMemory<byte> payload, StoreTerms terms, CancellationToken cancellationToken)
    {
        var data = payload.ToArray();
        Raise(key, Id(data));
        var options = new HybridCacheEntryOptions
        {
            Expiration = terms.Expiration,
            LocalCacheExpiration = terms.LocalExpiration < longestLocal ? terms.LocalExpiration : longestLocal,
            Flags = terms.Flags & ~HybridCacheEntryFlags.DisableUnderlyingData,
        };
        if (terms.Sliding > TimeSpan.Zero)
        {
            await NoteReadAsync(key, terms).ConfigureAwait(false);
        }

        await foreign.SetAsync(Key(key), new ForeignPayload(data), options, null, cancellationToken).ConfigureAwait(false);
    }

    public override async Task RemoveAsync(string key, CancellationToken cancellationToken)
    {
        Raise(key, 0);
        await foreign.RemoveAsync(Key(key), cancellationToken).ConfigureAwait(false);
    }

    public override async Task ForgetLocallyAsync(string key, CancellationToken cancellationToken)
    {
        Raise(key, 0);
        if (sharedMemory is not null)
        {
            sharedMemory.Remove(Key(key));
            return;
        }

        // How this implementation names its memory entries is not known. Removing the key altogether costs the new value
        // another load, and leaves no old one.
        await foreign.RemoveAsync(Key(key), cancellationToken).ConfigureAwait(false);
    }

    public override Task<long> GetStampAsync(string group, TimeSpan life, CancellationToken cancellationToken)
    {
        if (stamps is not null)
        {
            return stamps.GetStampAsync(group, life, cancellationToken);
        }

        MakeRoomForStamps();
        return Task.FromResult(_localStamps.GetOrAdd(group, static _ => RandomId.Next()));
    }

    public override Task SetStampAsync(string group, long stamp, TimeSpan life, CancellationToken cancellationToken)
    {
        if (stamps is not null)
        {
            return stamps.SetStampAsync(group, stamp, life, cancellationToken);
        }

        MakeRoomForStamps();
        _localStamps[group] = stamp;
        return Task.CompletedTask;
    }

    public override Task<long> AdvanceAsync(CancellationToken cancellationToken) => stamps?.AdvanceAsync(cancellationToken) ?? Task.FromResult(0L);

    // The entry's header says whose it is, so keys that met here would be misses.
    private static string Key(string key) =>
        key.Length <= MaximumKeyLength ? key : $"{key[..256]}#{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))}";

    // Physical keys contain no braces, so this is nobody's key.
    private static string NoteKey(string key) => Key(key + ":{read}");

    private async Task<long?> ReadNoteAsync(string key) =>
        await foreign.GetOrCreateAsync<ForeignPayload?>(NoteKey(key), static _ => default, ReadOnly).ConfigureAwait(false) is { Data: { Length: 8 } note }
            ? BinaryPrimitives.ReadInt64LittleEndian(note)
            : null;

    private async Task NoteReadAsync(string key, StoreTerms terms)
    {
        var note = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(note, clock.UtcNowMilliseconds);
        await foreign.SetAsync(NoteKey(key), new ForeignPayload(note), new HybridCacheEntryOptions { Expiration = terms.Life, LocalCacheExpiration = terms.Life < longestLocal ? terms.Life : longestLocal })
            .ConfigureAwait(false);
    }

    private static long Id(ReadOnlySpan<byte> data) =>
        data.Length >= EntryPayload.HeaderLength ? BinaryPrimitives.ReadInt64LittleEndian(data[EntryPayload.IdOffset..]) : 0;

    // Losing stamps is safe: entries become misses, never wrong hits.
    private void MakeRoomForStamps()
    {
        if (_localStamps.Count >= MaximumLocalStamps)
        {
            _localStamps.Clear();
        }
    }

    private bool Passes(string key, byte[] data) =>
        !_barriers.TryGetValue(key, out var barrier) || clock.Now >= barrier.Until || Id(data) == barrier.AllowedId;

    private void Raise(string key, long allowedId)
    {
        var now = clock.Now;
        var until = now + BarrierMilliseconds;
        _barriers[key] = new Barrier(allowedId, until);
        _barrierOrder.Enqueue((key, until));
        while (_barrierOrder.TryPeek(out var oldest) && (now >= oldest.Until || _barrierOrder.Count > MaximumBarriers) && _barrierOrder.TryDequeue(out oldest))
        {
            // Raised again since: that one has its own place in the order.
            if (_barriers.TryGetValue(oldest.Key, out var barrier) && barrier.Until <= oldest.Until)
            {
                _barriers.TryRemove(new KeyValuePair<string, Barrier>(oldest.Key, barrier));
            }
        }
    }

    private readonly record struct Barrier(long AllowedId, long Until);
}
