using System.Globalization;
using System.Runtime.CompilerServices;
using Larder.Engine;
using Larder.Scopes;
using StackExchange.Redis;

namespace Larder.Redis;

/// <summary>
/// Finds entries at the server whose stamps are no longer the current ones, and unlinks them. Reads are plain pipelined
/// commands of a bounded number, so nothing blocks the server.
/// </summary>
/// <remarks>
/// An entry that is invalidated while it is looked at is left, and never served. One that is stored anew in that time has another id than the one that was looked at, and stays: somebody
/// may have been told that it is there, and it may have no load that could bring it back.
/// </remarks>
internal sealed class RedisPurge(RedisConnection connection, string applicationPrefix)
{
    public async IAsyncEnumerable<PurgeProgress> RunAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var multiplexer = await connection.GetAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        var database = multiplexer.GetDatabase();

        // Values begin with the tenant's part behind the prefix; stamps, leases and counters do not.
        await foreach (var page in RedisKeys.PagesAsync(multiplexer, RedisKeys.Escape(applicationPrefix) + "t*", requiresAll: false, cancellationToken).ConfigureAwait(false))
        {
            yield return await StepAsync(database, page).ConfigureAwait(false);
        }
    }

    private async Task<PurgeProgress> StepAsync(IDatabase database, IReadOnlyList<string> keys)
    {
        var heads = await Task.WhenAll(keys.Select(key => database.StringGetRangeAsync(key, 0, SecondLevel.HeadLength - 1))).ConfigureAwait(false);
        var entries = new List<(string Key, EntryHeader Header, string ScopeId)>(keys.Count);
        var stamps = new Dictionary<string, Task<RedisValue>>(StringComparer.Ordinal);
        for (var i = 0; i < keys.Count; i++)
        {
            var head = (byte[])heads[i]!;
            var parts = keys[i][applicationPrefix.Length..].Split(':', 4);
            if (parts.Length != 4)
            {
                continue;
            }

            if (!EntryPayload.TryReadHead(head, keys[i], out var header))
            {
                if (head.Length < SecondLevel.HeadLength || !EntryPayload.TryReadHead((byte[]?)await database.StringGetAsync(keys[i]).ConfigureAwait(false), keys[i], out header))
                {
                    // Not an entry of this layout: perhaps a newer node's.
                    continue;
                }
            }

            var scopeId = $"{parts[0]}:{parts[1]}:{parts[2]}";
            entries.Add((keys[i], header, scopeId));
            foreach (var group in Levels(parts).Concat(header.Tags.Select(tag => TagGroup(scopeId, tag.Name))))
            {
                stamps.TryAdd(group, database.StringGetAsync(applicationPrefix + group));
            }
        }

        await Task.WhenAll(stamps.Values).ConfigureAwait(false);
        var invalid = entries.Where(entry => !IsValid(entry.Key, entry.Header, entry.ScopeId, stamps));
        var removed = await Task.WhenAll(invalid.Select(entry => database.ScriptEvaluateAsync(RedisScripts.RemoveOne, [entry.Key], [RedisSecondLevel.Bytes(entry.Header.Id)]))).ConfigureAwait(false);
        return new PurgeProgress(keys.Count, removed.Count(static gone => (long)gone == 1));
    }

    private bool IsValid(string key, in EntryHeader header, string scopeId, Dictionary<string, Task<RedisValue>> stamps)
    {
        var parts = key[applicationPrefix.Length..].Split(':', 4);
        Span<long> levels = stackalloc long[4];
        var i = 0;
        foreach (var level in Levels(parts))
        {
            if (!TryParse(stamps[level].Result, out levels[i++]))
            {
                // The server has lost the stamp; a new one will be another.
                return false;
            }
        }

        if (ScopeState.Fold(levels) != header.ScopeStamp)
        {
            return false;
        }

        foreach (var tag in header.Tags)
        {
            if (!TryParse(stamps[TagGroup(scopeId, tag.Name)].Result, out var stamp) || stamp != tag.Stamp)
            {
                return false;
            }
        }

        return true;
    }

    private static IEnumerable<string> Levels(string[] parts) =>
        ["s:*", $"s:{parts[0]}", $"s:{parts[0]}:{parts[1]}", $"s:{parts[0]}:{parts[1]}:{parts[2]}"];

    private static string TagGroup(string scopeId, string tag) => $"g:{scopeId}:{ScopedKey.Key(tag)}";

    private static bool TryParse(RedisValue value, out long stamp) =>
        long.TryParse((string?)value, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out stamp);
}
