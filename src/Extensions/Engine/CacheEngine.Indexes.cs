using System.Buffers;
using System.Runtime.CompilerServices;
using Larder.Diagnostics;
using Larder.Scopes;

namespace Larder.Engine;

/// <remarks>
/// <para>An index is a set of keys; an entry's own header says which indexes it belongs to. The set is only where to look: a key is looked up, its entry is
/// verified like any other, and it counts if its header names the index. So an index never gives a wrong entry, however its set came to be what it is,
/// and overwriting, removing, invalidating and expiry need not know of it.</para>
/// <para>A key is added before its value is written, so no entry is missing from its sets. Members that turn out not to belong are removed by whoever reads,
/// but not in their first minute, in which the value may still be on its way; what has expired goes with the next addition. On memory alone the set is kept
/// exactly (<see cref="Indexes.MemoryIndex"/>).</para>
/// </remarks>
internal sealed partial class CacheEngine
{
    private const int IndexBatch = 64;

    /// <summary>The entries that belong to all of the indexes, each key once, as they are found.</summary>
    /// <param name="scope">The scope.</param>
    /// <param name="wanted">At least one index; the set of the first is read.</param>
    /// <param name="read">Makes something of an entry and its payload, or of an entry in memory.</param>
    /// <param name="cancellationToken">Ends the enumeration.</param>
    /// <exception cref="NotSupportedException">The second level cannot keep sets.</exception>
    /// <exception cref="SecondLevelException">The second level did not answer.</exception>
    public IAsyncEnumerable<KeyValuePair<string, T?>> ReadByIndexAsync<T>(ScopeState scope, CacheIndex[] wanted, IndexedRead<T> read, CancellationToken cancellationToken)
    {
        if (wanted.Length == 0)
        {
            throw new ArgumentException("Give at least one index.", nameof(wanted));
        }

        foreach (var index in wanted)
        {
            index.ThrowIfInvalid();
        }

        return _second is null ? ReadMemoryIndexAsync(scope, wanted, read, cancellationToken)
            : _second.HasIndexes ? ReadSecondLevelIndexAsync(scope, wanted, read, cancellationToken)
            : throw new NotSupportedException("Entries can be found by index in memory alone and on Redis or Valkey (UseRedis, UseValkey). The second level of this cache cannot keep sets of keys.");
    }

    /// <summary>
    /// Removes the entries that belong to all of the indexes; says how many. What names them and does not count goes too: it may stand in after its end, or be opened by a key
    /// that cannot be had at this moment.
    /// </summary>
    public async ValueTask<long> RemoveByIndexAsync(ScopeState scope, CacheIndex[] wanted, CancellationToken cancellationToken)
    {
        var count = 0L;
        var batch = new List<Task>();
        await foreach (var (key, counts) in ReadByIndexAsync(scope, wanted, Removal, cancellationToken).ConfigureAwait(false))
        {
            count += counts ? 1 : 0;
            batch.Add(RemoveAsync(scope, key, cancellationToken).AsTask());
            if (batch.Count == 32)
            {
                await Task.WhenAll(batch).ConfigureAwait(false);
                batch.Clear();
            }
        }

        await Task.WhenAll(batch).ConfigureAwait(false);
        return count;
    }

    private async IAsyncEnumerable<KeyValuePair<string, T?>> ReadMemoryIndexAsync<T>(
        ScopeState scope, CacheIndex[] wanted, IndexedRead<T> read, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask.ConfigureAwait(false);
        foreach (var key in _memory.Index!.Keys(scope, wanted[0]))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!_memory.TryGet(scope, key, out var entry))
            {
                // It never came, or is too large to be kept.
                _memory.Index.RemoveUnlessHeld(scope, wanted[0], key);
            }
            else if (BelongsTo(entry.Indexes, wanted))
            {
                var value = default(T);
                if ((entry.IsFresh(_clock.Now) && entry.IsCurrent() && read.FromMemory(entry, out value)) || read.TakesAll)
                {
                    yield return new(key, value);
                }
            }
        }
    }

    private async IAsyncEnumerable<KeyValuePair<string, T?>> ReadSecondLevelIndexAsync<T>(
        ScopeState scope, CacheIndex[] wanted, IndexedRead<T> read, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var name = ScopedKey.Index(scope.Id, wanted[0]);

        // A set that is reorganized meanwhile shows some members twice.
        var seen = new HashSet<string>(StringComparer.Ordinal);
        long cursor = 0;
        do
        {
            // After a takeover the server may hold what was invalidated, until it has been told again.
            var page = MustReapply ? default : await _second!.ReadIndexAsync(name, cursor).ConfigureAwait(false);
            if (!page.Succeeded)
            {
                throw new SecondLevelException("The index could not be read, because the second level did not answer. Nothing that is in memory can stand in for it.", page.Failure);
            }

            cursor = page.Value.Cursor;
            List<IndexMember>? strangers = null;
            foreach (var batch in page.Value.Members.Where(member => seen.Add(member.Key)).Chunk(IndexBatch))
            {
                cancellationToken.ThrowIfCancellationRequested();
                var entries = await Task.WhenAll(batch.Select(member => ReadIndexedAsync(scope, member.Key, wanted, read))).ConfigureAwait(false);
                for (var i = 0; i < batch.Length; i++)
                {
                    if (entries[i].Belongs is true)
                    {
                        yield return new(batch[i].Key, entries[i].Value);
                    }
                    else if (entries[i].Belongs is false)
                    {
                        (strangers ??= []).Add(batch[i]);
                    }
                }
            }

            if (strangers is not null)
            {
                // Should it fail, the next reader will do it.
                _ = await _second!.RemoveFromIndexAsync(name, strangers).ConfigureAwait(false);
            }
        }
        while (cursor != 0);
    }

    /// <summary>An entry of the second level that may belong to the indexes. Whether it belongs to the first of them is not known if the server does not answer.</summary>
    private async Task<(bool? Belongs, T? Value)> ReadIndexedAsync<T>(ScopeState scope, string key, CacheIndex[] wanted, IndexedRead<T> read)
    {
        var physicalKey = scope.PhysicalKey(key);
        if (_pending.HasKey(physicalKey))
        {
            return (false, default);
        }

        var answer = await _second!.GetAsync(physicalKey, default).ConfigureAwait(false);
        if (!answer.Succeeded)
        {
            throw new SecondLevelException("An entry of the index could not be read, because the second level did not answer.", answer.Failure);
        }

        using var stored = answer.Value;
        if (!stored.Exists
            || EntryPayload.TryRead(stored.Data, physicalKey, out var header, out var payload) != PayloadFault.None
            || !BelongsTo(header.Indexes, wanted.AsSpan(0, 1)))
        {
            return (false, default);
        }

        if (!BelongsTo(header.Indexes, wanted))
        {
            return (null, default);
        }

        if (header.Expires <= _clock.UtcNowMilliseconds || !await IsCurrentAsync(scope, header).ConfigureAwait(false))
        {
            return (read.TakesAll ? true : null, default);
        }

        if (read.TakesAll)
        {
            // Not opened: whoever removes needs no value and no key.
            return (true, scope.Defaults.Layers.Accept(header) && read.FromPayload(header, payload, out var counts) ? counts : default);
        }

        var (fault, opened) = await _layers.OpenAsync(scope.Scope, scope.Defaults.Layers, header, stored.Data, payload).ConfigureAwait(false);
        using var owner = opened;
        if (fault != PayloadFault.None)
        {
            Reject(fault);
            return (null, default);
        }

        return read.FromPayload(header, opened.Data, out var value) ? (true, value) : (null, default);
    }

    // A stamp that this node believes in may be older than the entry.
    private async ValueTask<bool> IsCurrentAsync(ScopeState scope, EntryHeader header)
    {
        var server = ReadableServer;
        return (await HasCurrentStampsAsync(scope, header).ConfigureAwait(false)
                || (await _stamps!.QuestionAsync(scope.Levels.Concat(header.Tags.Select(tag => scope.Tag(tag.Name)))).ConfigureAwait(false) && await HasCurrentStampsAsync(scope, header).ConfigureAwait(false)))
            && IsReadable(server);
    }

    private async ValueTask<bool> HasCurrentStampsAsync(ScopeState scope, EntryHeader header)
    {
        if (await _stamps!.GetAsync(scope, TimeSpan.Zero).ConfigureAwait(false) != header.ScopeStamp)
        {
            return false;
        }

        var (groups, stamps, _) = await MatchTagsAsync(scope, header.Tags).ConfigureAwait(false);
        return groups is null || stamps is not null;
    }

    /// <summary>Adds a key to the sets its entry is to belong to. A set that cannot be kept never breaks the write.</summary>
    private async ValueTask AddToIndexesAsync(MemoryKey key, CacheIndex[]? indexes, TimeSpan life)
    {
        if (indexes is null || !_second!.HasIndexes)
        {
            return;
        }

        var answers = await Task.WhenAll(indexes.Select(index => _second.AddToIndexAsync(ScopedKey.Index(key.Scope.Id, index), key.Key, life).AsTask())).ConfigureAwait(false);
        if (Array.Exists(answers, answer => !answer.Succeeded))
        {
            _metrics.Unindexed.Add(1);
        }
    }

    private static bool BelongsTo(CacheIndex[]? indexes, ReadOnlySpan<CacheIndex> wanted)
    {
        foreach (var index in wanted)
        {
            if (indexes is null || Array.IndexOf(indexes, index) < 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Reads the keys only.</summary>
    public IndexedRead<bool> KeysOnly { get; } = new(acceptsNull: true, _ => true, (_, _) => (true, true));

    /// <summary>Reads the keys of all that is to go, with whether it counts.</summary>
    private static IndexedRead<bool> Removal { get; } = new(acceptsNull: true, _ => true, (_, _) => (true, true)) { TakesAll = true };

    /// <summary>Reads values of a type; entries of another type do not count.</summary>
    public IndexedRead<T> Values<T>() => new(
        acceptsNull: default(T) is null,
        entry => entry is ValueEntry<T> or SerializedEntry<T>,
        (entry, stored) =>
        {
            try
            {
                return stored is { } payload
                    ? (true, _serializers.Get<T>().Deserialize(new ReadOnlySequence<byte>(payload)))
                    : entry is not null && TryReadEntry<T>(entry, out var value) ? (true, value) : (false, default);
            }
            catch (Exception exception)
            {
                LogSerializerFailed<T>(exception);
                return (false, default);
            }
        });
}

/// <summary>What is made of the entries of an index.</summary>
internal sealed class IndexedRead<T>(bool acceptsNull, Func<MemoryEntry, bool> accepts, Func<MemoryEntry?, ReadOnlyMemory<byte>?, (bool, T?)> make)
{
    /// <summary>Whether what names the indexes is given even if it does not count: expired, invalidated, or sealed. The value is then the default.</summary>
    public bool TakesAll { get; init; }

    public bool FromMemory(MemoryEntry entry, out T? value)
    {
        (var read, value) = accepts(entry) ? make(entry, null) : (false, default);
        return read;
    }

    public bool FromPayload(in EntryHeader header, ReadOnlyMemory<byte> payload, out T? value)
    {
        value = default;
        if (header.IsNotFound)
        {
            return false;
        }

        if (header.IsNull && !TakesAll)
        {
            return acceptsNull;
        }

        (var read, value) = make(null, payload);
        return read;
    }
}
