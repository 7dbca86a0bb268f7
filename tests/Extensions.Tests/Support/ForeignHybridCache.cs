using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Tests;

/// <summary>
/// Somebody else's <see cref="HybridCache"/>: memory only, one load per key, tags by the order of a counter. It knows
/// nothing of Larder, and hands out copies by JSON of everything that is not text.
/// </summary>
internal sealed class ForeignHybridCache(TimeProvider time) : HybridCache
{
    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _tags = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string Key, Type Type), Lazy<Task<object?>>> _loads = new();
    private long _order;

    public ICollection<string> Keys => _entries.Keys;

    /// <summary>Puts one entry under another key, as a fault or an attacker would.</summary>
    public void Copy(string from, string to) => _entries[to] = _entries[from];

    public override async ValueTask<T> GetOrCreateAsync<TState, T>(
        string key,
        TState state,
        Func<TState, CancellationToken, ValueTask<T>> factory,
        HybridCacheEntryOptions? options = null,
        IEnumerable<string>? tags = null,
        CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var flags = options?.Flags ?? HybridCacheEntryFlags.None;
        if ((flags & HybridCacheEntryFlags.DisableLocalCacheRead) == 0 && Find<T>(key) is { } found)
        {
            return found.Read<T>();
        }

        if ((flags & HybridCacheEntryFlags.DisableUnderlyingData) != 0)
        {
            return default!;
        }

        var load = _loads.GetOrAdd((key, typeof(T)), _ => new Lazy<Task<object?>>(async () =>
        {
            var began = Interlocked.Increment(ref _order);
            var value = await factory(state, CancellationToken.None).ConfigureAwait(false);
            Store(key, value, options, tags, began);
            return value;
        }));
        try
        {
            return (T)(await load.Value.WaitAsync(cancellationToken).ConfigureAwait(false))!;
        }
        finally
        {
            _loads.TryRemove(new((key, typeof(T)), load));
        }
    }

    public override ValueTask SetAsync<T>(
        string key, T value, HybridCacheEntryOptions? options = null, IEnumerable<string>? tags = null, CancellationToken cancellationToken = default)
    {
        Store(key, value, options, tags, Interlocked.Increment(ref _order));
        return default;
    }

    public override ValueTask RemoveAsync(string key, CancellationToken cancellationToken = default)
    {
        _entries.TryRemove(key, out _);
        return default;
    }

    public override ValueTask RemoveByTagAsync(string tag, CancellationToken cancellationToken = default)
    {
        _tags[tag] = Interlocked.Increment(ref _order);
        return default;
    }

    private Entry? Find<T>(string key) =>
        _entries.TryGetValue(key, out var entry)
        && entry.Type == typeof(T)
        && time.GetUtcNow() < entry.Ends
        && entry.Tags.Append("*").All(tag => !_tags.TryGetValue(tag, out var invalidated) || invalidated < entry.Began)
            ? entry
            : null;

    private void Store<T>(string key, T value, HybridCacheEntryOptions? options, IEnumerable<string>? tags, long began)
    {
        if (((options?.Flags ?? HybridCacheEntryFlags.None) & HybridCacheEntryFlags.DisableLocalCacheWrite) == 0)
        {
            var lives = options?.LocalCacheExpiration ?? options?.Expiration ?? TimeSpan.FromMinutes(5);
            var now = time.GetUtcNow();
            _entries[key] = new Entry(
                typeof(T), JsonSerializer.SerializeToUtf8Bytes(value), lives > DateTimeOffset.MaxValue - now ? DateTimeOffset.MaxValue : now + lives, [.. tags ?? []], began);
        }
    }

    private sealed record Entry(Type Type, byte[] Value, DateTimeOffset Ends, string[] Tags, long Began)
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public T Read<T>() => JsonSerializer.Deserialize<T>(Value)!;
    }
}
