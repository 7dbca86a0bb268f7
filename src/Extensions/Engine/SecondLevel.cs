using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Engine;

/// <summary>
/// Where nodes share entries. Every method may throw, or take as long as the server does; the engine goes through
/// <see cref="GuardedSecondLevel"/>, which bounds both.
/// </summary>
/// <remarks>Keys are physical keys (see <see cref="Scopes.ScopedKey"/>); group ids stand behind the application's prefix.</remarks>
internal abstract class SecondLevel
{
    /// <summary>How many bytes of an entry are read where its value is of no interest: enough for its header, unless it has very many tags or indexes.</summary>
    public const int HeadLength = 4_096;

    /// <summary>What it is, as OpenTelemetry calls the systems of databases; null for what it has no name for.</summary>
    public virtual string? SystemName => null;

    /// <summary>Whether loads can be leased, so that a write can be refused when the key was changed since the load began.</summary>
    public virtual bool HasLeases => false;

    /// <summary>Whether values stay in the process, so that nothing is gained by a copy of our own.</summary>
    public virtual bool KeepsOwnMemory => false;

    /// <summary>Whether a stamp that is asked for again with a longer life stays the same. Otherwise another takes its place, and with it go the entries that carry it.</summary>
    public virtual bool ProlongsStamps => true;

    /// <summary>Reports another server that may have answered the last read, before this returns. Told after each of them.</summary>
    public virtual void LookForTakeover()
    {
    }

    public abstract Task<StoredPayload> GetAsync(string key, HybridCacheEntryFlags flags, CancellationToken cancellationToken);

    /// <summary>The random id of the entry stored under the key, or null when there is none.</summary>
    public abstract Task<long?> GetIdAsync(string key, CancellationToken cancellationToken);

    /// <summary>Several at once, in the order of the keys.</summary>
    public virtual Task<StoredPayload[]> GetManyAsync(string[] keys, HybridCacheEntryFlags flags, CancellationToken cancellationToken) =>
        Task.WhenAll(keys.Select(key => GetAsync(key, flags, cancellationToken)));

    /// <summary>The beginning of what is stored, <see cref="HeadLength"/> bytes of it if there are that many. All of it where a part cannot be had.</summary>
    public virtual Task<StoredPayload> GetHeadAsync(string key, CancellationToken cancellationToken) => GetAsync(key, HybridCacheEntryFlags.None, cancellationToken);

    /// <summary>Stores a value whatever is there, and breaks the key's lease.</summary>
    public abstract Task SetAsync(string key, ReadOnlyMemory<byte> payload, StoreTerms terms, CancellationToken cancellationToken);

    /// <summary>Stores a value and breaks the key's lease, if the entry there still has this id. Only where there are leases: both need a step that compares.</summary>
    public virtual Task<bool> ReplaceAsync(string key, long expectedId, ReadOnlyMemory<byte> payload, TimeSpan expiration, CancellationToken cancellationToken) =>
        throw new NotSupportedException("This second level cannot compare.");

    /// <summary>Removes the value and breaks the key's lease.</summary>
    public abstract Task RemoveAsync(string key, CancellationToken cancellationToken);

    /// <summary>
    /// Removes the value, breaks the key's lease, and gives the beginning of what was there, as <see cref="GetHeadAsync"/> does. With leases one call gets it;
    /// without them the engine lets only one ask at a time.
    /// </summary>
    public virtual async Task<StoredPayload> TakeAsync(string key, CancellationToken cancellationToken)
    {
        var stored = await GetAsync(key, HybridCacheEntryFlags.None, cancellationToken).ConfigureAwait(false);
        await RemoveAsync(key, cancellationToken).ConfigureAwait(false);
        return stored;
    }

    /// <summary>
    /// The stamp of a group, made up and stored if there is none. The server keeps it for at least
    /// <paramref name="life"/> from now, unless it loses it.
    /// </summary>
    public abstract Task<long> GetStampAsync(string group, TimeSpan life, CancellationToken cancellationToken);

    public abstract Task SetStampAsync(string group, long stamp, TimeSpan life, CancellationToken cancellationToken);

    /// <summary>Takes the key's lease, if the demand can be met; otherwise hands over the value that stands against it, if any.</summary>
    public virtual Task<LeaseAnswer> TryLeaseAsync(string key, long token, LeaseDemand demand, CancellationToken cancellationToken) =>
        throw new NotSupportedException("This second level has no leases.");

    /// <summary>Stores a value and gives the lease back, if the key's lease still is <paramref name="token"/>.</summary>
    public virtual Task<LeaseEnd> SetLeasedAsync(string key, long token, ReadOnlyMemory<byte> payload, TimeSpan expiration, CancellationToken cancellationToken) =>
        throw new NotSupportedException("This second level has no leases.");

    /// <summary>Prolongs the lease if the key's lease still is <paramref name="token"/>.</summary>
    public virtual Task<bool> RenewLeaseAsync(string key, long token, CancellationToken cancellationToken) =>
        throw new NotSupportedException("This second level has no leases.");

    /// <summary>Gives the lease back if the key's lease still is <paramref name="token"/>.</summary>
    public virtual Task<LeaseEnd> ReleaseLeaseAsync(string key, long token, CancellationToken cancellationToken) =>
        throw new NotSupportedException("This second level has no leases.");

    /// <summary>An entry with a sliding expiration was read: it is kept for another <see cref="StoreTerms.Life"/>, if it still is the one with this id.</summary>
    /// <param name="key">The physical key.</param>
    /// <param name="id">The entry's id.</param>
    /// <param name="left">How long the entry lives at most from now on.</param>
    /// <param name="sliding">Its window.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public virtual Task TouchAsync(string key, long id, TimeSpan left, TimeSpan sliding, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Whether sets of keys can be kept here.</summary>
    public virtual bool HasIndexes => false;

    /// <summary>Notes that a key belongs to a set, for at most <paramref name="life"/>.</summary>
    public virtual Task AddToIndexAsync(string index, string key, TimeSpan life, CancellationToken cancellationToken) =>
        throw new NotSupportedException("This second level has no indexes.");

    /// <summary>Some keys of a set, from a cursor on that is zero at the beginning and at the end. A key that belongs to it throughout comes at least once.</summary>
    public virtual Task<IndexPage> ReadIndexAsync(string index, long cursor, CancellationToken cancellationToken) =>
        throw new NotSupportedException("This second level has no indexes.");

    /// <summary>Takes keys out of a set, as far as they stand there as they were read and have stood there for a while. Gives how many.</summary>
    public virtual Task<long> RemoveFromIndexAsync(string index, IReadOnlyCollection<IndexMember> members, CancellationToken cancellationToken) =>
        throw new NotSupportedException("This second level has no indexes.");

    /// <summary>Whether keys can be listed.</summary>
    public virtual bool CanList => false;

    /// <summary>
    /// The physical keys that begin with a text, page by page, and with <paramref name="withLeases"/> those too that are leased and hold nothing. What is there throughout
    /// comes at least once.
    /// </summary>
    public virtual IAsyncEnumerable<IReadOnlyList<string>> ListAsync(string start, bool withLeases, CancellationToken cancellationToken) =>
        throw new NotSupportedException("This second level cannot list its keys.");

    /// <summary>Another node changed the key: what this process keeps of it in memory of its own is obsolete.</summary>
    public virtual Task ForgetLocallyAsync(string key, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Removes entries whose stamps are obsolete, step by step. Nothing where entries cannot be listed.</summary>
    public virtual IAsyncEnumerable<PurgeProgress> PurgeAsync(CancellationToken cancellationToken) => AsyncEnumerable.Empty<PurgeProgress>();

    /// <summary>Whether this node is the one to purge during the interval that begins now. False where nothing can be purged.</summary>
    public virtual Task<bool> TryClaimPurgeAsync(TimeSpan interval, CancellationToken cancellationToken) => Task.FromResult(false);

    /// <summary>
    /// Counts up a number that all nodes share. A count that is not higher than one seen before shows that the server has
    /// lost writes. Zero where that cannot be told.
    /// </summary>
    public virtual Task<long> AdvanceAsync(CancellationToken cancellationToken) => Task.FromResult(0L);
}

/// <summary>A key in a set, and the number it stands there with.</summary>
internal readonly record struct IndexMember(string Key, long Score);

/// <summary>Some of the keys of a set.</summary>
internal readonly record struct IndexPage(IReadOnlyList<IndexMember> Members, long Cursor);

/// <summary>How a value is to be kept.</summary>
/// <param name="Expiration">For how long at most.</param>
/// <param name="LocalExpiration">For how long in the process's own memory, where a second level has one.</param>
/// <param name="Flags">The flags of the call.</param>
/// <param name="Sliding">It ends when it was not touched for this long; zero for off.</param>
internal readonly record struct StoreTerms(TimeSpan Expiration, TimeSpan LocalExpiration, HybridCacheEntryFlags Flags, TimeSpan Sliding = default)
{
    /// <summary>How long it is kept from now: touches come only each eighth of the window.</summary>
    public TimeSpan Life => Sliding > TimeSpan.Zero && Sliding < Expiration / 1.125 ? Sliding * 1.125 : Expiration;
}

/// <summary>A payload, perhaps in a pooled buffer that ends with <see cref="Dispose"/>.</summary>
internal readonly struct StoredPayload(ReadOnlyMemory<byte> data, IDisposable? owner) : IDisposable
{
    public bool Exists => !Data.IsEmpty;

    public ReadOnlyMemory<byte> Data { get; } = data;

    public void Dispose() => owner?.Dispose();
}

/// <summary>How a lease ended that a load gave back.</summary>
internal enum LeaseEnd
{
    /// <summary>It was no longer the load's: broken by a change of the key, run out, or taken by force.</summary>
    Lost,

    /// <summary>It held to the end, and nobody waits.</summary>
    Held,

    /// <summary>It held to the end, and loads on other nodes wait for it.</summary>
    HeldAndAwaited,
}

/// <summary>When a lease may be given.</summary>
/// <param name="Force">Also over a value and another's lease, which is broken: the caller means to replace what is there.</param>
/// <param name="Obsolete">The id of an entry that does not stand against the lease, because it is known to be invalid; zero for none.</param>
/// <param name="Signature">The stamps the load has noted, as one number. A lease with another signature does not stand against this one.</param>
internal readonly record struct LeaseDemand(bool Force, long Obsolete, long Signature = 0);

/// <summary>Answer to a request for a lease: it was granted, or there is a value, or neither because someone holds it.</summary>
internal readonly struct LeaseAnswer(bool granted, StoredPayload found)
{
    public bool Granted { get; } = granted;

    public StoredPayload Found { get; } = found;
}
