using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.CompilerServices;
using Larder.Engine;
using Microsoft.Extensions.Caching.Hybrid;
using StackExchange.Redis;

namespace Larder.Redis;

/// <summary>The second level on Redis or Valkey: single, Sentinel or cluster.</summary>
/// <remarks>
/// A value stands under its physical key, its lease under <c>{physical key}:lease</c>: the key in braces is the lease's hash
/// tag, so the two share a slot (physical keys contain no braces). Stamps stand under the application's prefix and the
/// group's id as 16 hexadecimal digits, readable in a console.
/// </remarks>
internal sealed class RedisSecondLevel(RedisConnection connection, string applicationPrefix, TimeSpan leaseDuration) : SecondLevel
{
    // Beyond this the server's arithmetic on milliseconds could overflow; it stands for "for ever".
    private static readonly TimeSpan LongestExpiration = TimeSpan.FromDays(365 * 100);

    private readonly RedisKey _count = applicationPrefix + "c:writes";

    /// <remarks>Valkey too: named is whose protocol is spoken.</remarks>
    public override string SystemName => "redis";

    public override bool HasLeases => true;

    public override bool HasIndexes => true;

    public override void LookForTakeover() => connection.Watch.Look();

    public override async Task<StoredPayload> GetAsync(string key, HybridCacheEntryFlags flags, CancellationToken cancellationToken)
    {
        var (database, atMaster) = await connection.MasterAsync().ConfigureAwait(false);
        var lease = await database.StringGetLeaseAsync(key, atMaster).ConfigureAwait(false);
        return lease is null ? default : new StoredPayload(lease.Memory, lease);
    }

    /// <remarks>One command; on a cluster, where a command must not span slots, one per slot, sent without waiting for one another.</remarks>
    public override async Task<StoredPayload[]> GetManyAsync(string[] keys, HybridCacheEntryFlags flags, CancellationToken cancellationToken)
    {
        var (database, atMaster) = await connection.MasterAsync().ConfigureAwait(false);
        var payloads = new StoredPayload[keys.Length];
        await Task.WhenAll(Enumerable.Range(0, keys.Length).GroupBy(i => database.Multiplexer.HashSlot(keys[i])).Select(async slot =>
        {
            int[] places = [.. slot];
            var values = await database.StringGetAsync(Array.ConvertAll(places, place => (RedisKey)keys[place]), atMaster).ConfigureAwait(false);
            foreach (var (i, value) in values.Index())
            {
                payloads[places[i]] = new StoredPayload((byte[]?)value, null);
            }
        })).ConfigureAwait(false);
        return payloads;
    }

    public override async Task<StoredPayload> GetHeadAsync(string key, CancellationToken cancellationToken)
    {
        var (database, atMaster) = await connection.MasterAsync().ConfigureAwait(false);
        return new StoredPayload((byte[]?)await database.StringGetRangeAsync(key, 0, HeadLength - 1, atMaster).ConfigureAwait(false), null);
    }

    public override async Task<long?> GetIdAsync(string key, CancellationToken cancellationToken)
    {
        var (database, atMaster) = await connection.MasterAsync().ConfigureAwait(false);
        byte[]? id = await database.StringGetRangeAsync(key, EntryPayload.IdOffset, EntryPayload.IdOffset + 7, atMaster).ConfigureAwait(false);
        return id is { Length: 8 } ? BinaryPrimitives.ReadInt64LittleEndian(id) : null;
    }

    public override Task SetAsync(string key, ReadOnlyMemory<byte> payload, StoreTerms terms, CancellationToken cancellationToken) =>
        EvaluateAsync(RedisScripts.Set, [key, LeaseKey(key)], [payload, Milliseconds(terms.Life)]);

    public override async Task TouchAsync(string key, long id, TimeSpan left, TimeSpan sliding, CancellationToken cancellationToken)
    {
        var life = new StoreTerms(left, left, default, sliding).Life;
        await EvaluateAsync(RedisScripts.Touch, [key], [Bytes(id), Milliseconds(life)]).ConfigureAwait(false);
    }

    public override Task AddToIndexAsync(string index, string key, TimeSpan life, CancellationToken cancellationToken) =>
        EvaluateAsync(RedisScripts.AddToIndex, [applicationPrefix + index], [Member(key), (long)Math.Ceiling(Math.Min(life.TotalSeconds, LongestExpiration.TotalSeconds))]);

    public override async Task<IndexPage> ReadIndexAsync(string index, long cursor, CancellationToken cancellationToken)
    {
        var (database, atMaster) = await connection.MasterAsync().ConfigureAwait(false);
        var page = (RedisResult[])(await database.ExecuteAsync("ZSCAN", [(RedisKey)(applicationPrefix + index), cursor, "COUNT", 100], atMaster).ConfigureAwait(false))!;
        var found = (RedisValue[])page[1]!;
        var members = new IndexMember[found.Length / 2];
        for (var i = 0; i < members.Length; i++)
        {
            members[i] = new IndexMember(Key((string)found[i * 2]!), (long)(double)found[(i * 2) + 1]);
        }

        return new IndexPage(members, (long)page[0]);
    }

    public override async Task<long> RemoveFromIndexAsync(string index, IReadOnlyCollection<IndexMember> members, CancellationToken cancellationToken) =>
        (long)await EvaluateAsync(RedisScripts.RemoveFromIndex, [applicationPrefix + index], [.. members.SelectMany(member => (RedisValue[])[Member(member.Key), member.Score])]).ConfigureAwait(false);

    public override Task RemoveAsync(string key, CancellationToken cancellationToken) => EvaluateAsync(RedisScripts.Remove, [key, LeaseKey(key)], []);

    public override async Task<bool> ReplaceAsync(string key, long expectedId, ReadOnlyMemory<byte> payload, TimeSpan expiration, CancellationToken cancellationToken) =>
        (long)await EvaluateAsync(RedisScripts.Replace, [key, LeaseKey(key)], [Bytes(expectedId), payload, Milliseconds(expiration)]).ConfigureAwait(false) == 1;

    public override async Task<StoredPayload> TakeAsync(string key, CancellationToken cancellationToken) =>
        new((byte[]?)await EvaluateAsync(RedisScripts.Take, [key, LeaseKey(key)], [HeadLength - 1]).ConfigureAwait(false), null);

    public override async Task<long> GetStampAsync(string group, TimeSpan life, CancellationToken cancellationToken)
    {
        var stamp = (string?)await EvaluateAsync(RedisScripts.GetStamp, [applicationPrefix + group], [Text(RandomId.Next()), BoundedMilliseconds(life)]).ConfigureAwait(false);

        // What is no stamp of ours counts as one all the same: entries that carry another are invalid, and it is never zero.
        return long.TryParse(stamp, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) && value != 0 ? value : 1;
    }

    public override Task SetStampAsync(string group, long stamp, TimeSpan life, CancellationToken cancellationToken) =>
        EvaluateAsync(RedisScripts.SetStamp, [applicationPrefix + group], [Text(stamp), BoundedMilliseconds(life)]);

    public override async Task<LeaseAnswer> TryLeaseAsync(string key, long token, LeaseDemand demand, CancellationToken cancellationToken)
    {
        var result = await EvaluateAsync(
            RedisScripts.TryLease, [key, LeaseKey(key)], [Text(token), Milliseconds(leaseDuration), demand.Force ? "1" : "0", demand.Obsolete == 0 ? Array.Empty<byte>() : Bytes(demand.Obsolete), Text(demand.Signature)]).ConfigureAwait(false);
        return result.Resp2Type == ResultType.Integer
            ? new LeaseAnswer((long)result == 1, default)
            : new LeaseAnswer(false, new StoredPayload((byte[]?)result, null));
    }

    public override async Task<LeaseEnd> SetLeasedAsync(string key, long token, ReadOnlyMemory<byte> payload, TimeSpan expiration, CancellationToken cancellationToken) =>
        (LeaseEnd)(long)await EvaluateAsync(RedisScripts.SetLeased, [key, LeaseKey(key)], [Text(token), payload, Milliseconds(expiration)]).ConfigureAwait(false);

    public override async Task<bool> RenewLeaseAsync(string key, long token, CancellationToken cancellationToken) =>
        (long)await EvaluateAsync(RedisScripts.RenewLease, [LeaseKey(key)], [Text(token), Milliseconds(leaseDuration)]).ConfigureAwait(false) == 1;

    public override async Task<LeaseEnd> ReleaseLeaseAsync(string key, long token, CancellationToken cancellationToken) =>
        (LeaseEnd)(long)await EvaluateAsync(RedisScripts.ReleaseLease, [LeaseKey(key)], [Text(token)]).ConfigureAwait(false);

    public override async Task<long> AdvanceAsync(CancellationToken cancellationToken) =>
        (long)await EvaluateAsync(RedisScripts.Advance, [_count], []).ConfigureAwait(false);

    public override bool CanList => true;

    public override async IAsyncEnumerable<IReadOnlyList<string>> ListAsync(string start, bool withLeases, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var multiplexer = await connection.GetAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        var pattern = (withLeases ? "*" : "") + RedisKeys.Escape(start) + "*";
        await foreach (var page in RedisKeys.PagesAsync(multiplexer, pattern, requiresAll: true, cancellationToken).ConfigureAwait(false))
        {
            yield return withLeases ? [.. page.Select(LeasedKey).Where(key => key.StartsWith(start, StringComparison.Ordinal)).Distinct(StringComparer.Ordinal)] : page;
        }
    }

    public override async Task<bool> TryClaimPurgeAsync(TimeSpan interval, CancellationToken cancellationToken) =>
        (long)await EvaluateAsync(RedisScripts.Claim, [applicationPrefix + "c:purge"], [BoundedMilliseconds(interval)]).ConfigureAwait(false) == 1;

    // Entries first: their sets follow them.
    public override async IAsyncEnumerable<PurgeProgress> PurgeAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var step in new RedisPurge(connection, applicationPrefix).RunAsync(cancellationToken).ConfigureAwait(false))
        {
            yield return step;
        }

        await foreach (var step in new RedisIndexPurge(this, connection, applicationPrefix).RunAsync(cancellationToken).ConfigureAwait(false))
        {
            yield return step;
        }
    }

    // Keys are any text; what UTF-8 cannot carry, lone surrogates, goes as hexadecimal digits behind a character that no text contains otherwise.
    private const char Encoded = '\uFFFF';

    private static string Member(string key)
    {
        if (!key.StartsWith(Encoded) && System.Text.Unicode.Utf8.FromUtf16(key, new byte[key.Length * 3], out _, out _, replaceInvalidSequences: false) == System.Buffers.OperationStatus.Done)
        {
            return key;
        }

        return Encoded + Convert.ToHexString(System.Runtime.InteropServices.MemoryMarshal.AsBytes(key.AsSpan()));
    }

    private static string Key(string member) => member.StartsWith(Encoded)
        ? new string(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, char>(Convert.FromHexString(member.AsSpan(1))))
        : member;

    // The key whose lease this is, or the key itself. Keys hold no braces.
    private static string LeasedKey(string key) => key.StartsWith('{') && key.EndsWith(LeaseEnding, StringComparison.Ordinal) ? key[1..^LeaseEnding.Length] : key;

    private const string LeaseEnding = "}:lease";

    private static RedisKey LeaseKey(string key) => $"{{{key}{LeaseEnding}";

    // As it stands in a payload.
    public static byte[] Bytes(long id)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, id);
        return bytes;
    }

    private static RedisValue Text(long value) => value.ToString("x16", CultureInfo.InvariantCulture);

    private static RedisValue Milliseconds(TimeSpan span) =>
        span >= LongestExpiration ? 0 : Math.Max(1, (long)Math.Ceiling(span.TotalMilliseconds));

    // Always ends some day: what stood for ever could never be given back.
    private static RedisValue BoundedMilliseconds(TimeSpan span) => Math.Max(1, (long)Math.Min(span.TotalMilliseconds, LongestExpiration.TotalMilliseconds));

    private Task<RedisResult> EvaluateAsync(string script, RedisKey[] keys, RedisValue[] values) => connection.EvaluateAsync(script, keys, values);
}
