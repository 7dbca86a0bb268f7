using System.Runtime.CompilerServices;
using Larder.Engine;
using Larder.Scopes;

namespace Larder.Redis;

/// <summary>Takes out of the sets at the server what does not belong there any more: keys whose entries are gone, or belong to other sets now.</summary>
/// <remarks>
/// What a reader of a set does for that set, done for all. Members of the last minute stay (see <see cref="RedisScripts.RemoveFromIndex"/>), so none is lost whose entry is still on
/// its way. An entry that is there and invalid keeps its place until it has been purged itself, which comes first.
/// </remarks>
internal sealed class RedisIndexPurge(RedisSecondLevel level, RedisConnection connection, string applicationPrefix)
{
    public async IAsyncEnumerable<PurgeProgress> RunAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var multiplexer = await connection.GetAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        await foreach (var page in RedisKeys.PagesAsync(multiplexer, RedisKeys.Escape(applicationPrefix) + "i:*", requiresAll: false, cancellationToken).ConfigureAwait(false))
        {
            foreach (var set in page)
            {
                // The name of the set holds its scope's: i, tenant, project, namespace, name, value.
                var index = set[applicationPrefix.Length..];
                var parts = index.Split(':', 6);
                if (parts.Length != 6)
                {
                    continue;
                }

                var scopeId = $"{parts[1]}:{parts[2]}:{parts[3]}";
                if (parts[4] == ScopedKey.PageSpace)
                {
                    scopeId += ":" + ScopedKey.PageSpace;
                }

                long cursor = 0;
                do
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    var members = await level.ReadIndexAsync(index, cursor, cancellationToken).ConfigureAwait(false);
                    cursor = members.Cursor;
                    var belong = await Task.WhenAll(members.Members.Select(member => BelongsAsync(scopeId, index, member.Key, cancellationToken))).ConfigureAwait(false);
                    var strangers = members.Members.Where((_, i) => !belong[i]).ToArray();
                    var removed = strangers.Length == 0 ? 0 : await level.RemoveFromIndexAsync(index, strangers, cancellationToken).ConfigureAwait(false);
                    yield return new PurgeProgress(0, 0) { IndexMembersRemoved = removed };
                }
                while (cursor != 0);
            }
        }
    }

    private async Task<bool> BelongsAsync(string scopeId, string index, string key, CancellationToken cancellationToken)
    {
        var physicalKey = $"{applicationPrefix}{scopeId}:{ScopedKey.Key(key)}";
        using var head = await level.GetHeadAsync(physicalKey, cancellationToken).ConfigureAwait(false);
        if (!EntryPayload.TryReadHead(head.Data.Span, physicalKey, out var header))
        {
            // One whose tags and indexes fill the head and more stays: whoever reads the set looks more closely.
            return head.Data.Length == SecondLevel.HeadLength;
        }

        return header.Indexes is { } indexes
            && Array.Exists(indexes, named => ScopedKey.Index(scopeId, named) == index);
    }
}
