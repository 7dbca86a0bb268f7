using System.Buffers;
using System.Buffers.Binary;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Engine;

/// <summary>The second level on any <see cref="IDistributedCache"/>: values and stamps are plain entries of it.</summary>
/// <remarks>
/// <para>There is no compare-and-set, so there are no leases: loads of one key on several nodes run side by side, and a load
/// that began on one node before another node removed the key may still store its value afterwards. Tags, clears and
/// everything within one process hold as they do elsewhere.</para>
/// <para>A stamp cannot be prolonged either, because writing it back could overwrite a newer one. So stamps live long, and one
/// that would not outlive an entry is replaced by a new one, which costs misses and nothing else.</para>
/// </remarks>
internal sealed class DistributedSecondLevel(IDistributedCache cache, string applicationPrefix, TimeProvider time) : SecondLevel
{
    private static readonly TimeSpan StampLife = TimeSpan.FromDays(30);
    private readonly IBufferDistributedCache? _buffers = cache as IBufferDistributedCache;

    public override bool ProlongsStamps => false;

    public override async Task<StoredPayload> GetAsync(string key, HybridCacheEntryFlags flags, CancellationToken cancellationToken)
    {
        if (_buffers is null)
        {
            return new StoredPayload(await cache.GetAsync(key, cancellationToken).ConfigureAwait(false), null);
        }

        var writer = new PayloadWriter(Array.MaxLength);
        try
        {
            if (await _buffers.TryGetAsync(key, writer, cancellationToken).ConfigureAwait(false))
            {
                return new StoredPayload(writer.Written, writer);
            }
        }
        catch
        {
            writer.Dispose();
            throw;
        }

        writer.Dispose();
        return default;
    }

    public override async Task<long?> GetIdAsync(string key, CancellationToken cancellationToken)
    {
        using var stored = await GetAsync(key, HybridCacheEntryFlags.None, cancellationToken).ConfigureAwait(false);
        return stored.Data.Length >= EntryPayload.HeaderLength
            ? BinaryPrimitives.ReadInt64LittleEndian(stored.Data.Span[EntryPayload.IdOffset..])
            : null;
    }

    public override Task SetAsync(string key, ReadOnlyMemory<byte> payload, StoreTerms terms, CancellationToken cancellationToken)
    {
        var options = Options(terms.Expiration, terms.Sliding > TimeSpan.Zero ? terms.Life : null);
        return _buffers is null
            ? cache.SetAsync(key, payload.ToArray(), options, cancellationToken)
            : _buffers.SetAsync(key, new ReadOnlySequence<byte>(payload), options, cancellationToken).AsTask();
    }

    public override Task TouchAsync(string key, long id, TimeSpan left, TimeSpan sliding, CancellationToken cancellationToken) => cache.RefreshAsync(key, cancellationToken);

    public override Task RemoveAsync(string key, CancellationToken cancellationToken) => cache.RemoveAsync(key, cancellationToken);

    public override async Task<long> GetStampAsync(string group, TimeSpan life, CancellationToken cancellationToken)
    {
        var stored = await cache.GetAsync(applicationPrefix + group, cancellationToken).ConfigureAwait(false);
        if (stored is { Length: 16 })
        {
            var stamp = BinaryPrimitives.ReadInt64LittleEndian(stored);
            var expires = BinaryPrimitives.ReadInt64LittleEndian(stored.AsSpan(8));
            if (stamp != 0 && expires - time.GetUtcNow().ToUnixTimeMilliseconds() >= life.TotalMilliseconds)
            {
                return stamp;
            }
        }

        await SetStampAsync(group, RandomId.Next(), life, cancellationToken).ConfigureAwait(false);

        // Another node may have made one up at the same moment: what counts is the one that is there now.
        stored = await cache.GetAsync(applicationPrefix + group, cancellationToken).ConfigureAwait(false);
        return stored is { Length: 16 } ? BinaryPrimitives.ReadInt64LittleEndian(stored) : RandomId.Next();
    }

    public override Task SetStampAsync(string group, long stamp, TimeSpan life, CancellationToken cancellationToken)
    {
        var lives = life * 2 > StampLife ? life * 2 : StampLife;
        var bytes = new byte[16];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, stamp);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), EngineClock.AddSaturating(time.GetUtcNow().ToUnixTimeMilliseconds(), lives));
        return cache.SetAsync(applicationPrefix + group, bytes, Options(lives), cancellationToken);
    }

    // Stores compute an absolute date from the span; beyond a century they overflow, and "for ever" is meant.
    private static DistributedCacheEntryOptions Options(TimeSpan expiration, TimeSpan? sliding = null) => expiration > TimeSpan.FromDays(36_500)
        ? new DistributedCacheEntryOptions { SlidingExpiration = sliding }
        : new DistributedCacheEntryOptions { AbsoluteExpirationRelativeToNow = expiration, SlidingExpiration = sliding };
}
