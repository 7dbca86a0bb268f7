using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;

namespace Larder.Consistency.Nodes;

/// <summary>
/// A two-level cache as it is usually written, to compare with: values are stamped with the time when their load ended;
/// a tag's removal is a time too, read from the second level once per process; a removal touches this node and the
/// second level; and a load under way is not fenced.
/// </summary>
internal sealed class SimpleHybridCache(IDistributedCache store, string scope) : HybridCache
{
    private readonly ConcurrentDictionary<string, Entry> _memory = new();
    private readonly ConcurrentDictionary<string, Lazy<Task<Entry>>> _loads = new();
    private readonly ConcurrentDictionary<string, Task<long>> _tags = new();

    public override async ValueTask<T> GetOrCreateAsync<TState, T>(
        string key,
        TState state,
        Func<TState, CancellationToken, ValueTask<T>> factory,
        HybridCacheEntryOptions? options = null,
        IEnumerable<string>? tags = null,
        CancellationToken cancellationToken = default)
    {
        if (_memory.TryGetValue(key, out var entry) && await IsValidAsync(entry))
        {
            return JsonSerializer.Deserialize<T>(entry.Json)!;
        }

        var load = _loads.GetOrAdd(key, name => new Lazy<Task<Entry>>(() => LoadAsync(name, state, factory, [.. tags ?? []])));
        try
        {
            return JsonSerializer.Deserialize<T>((await load.Value).Json)!;
        }
        finally
        {
            _loads.TryRemove(new KeyValuePair<string, Lazy<Task<Entry>>>(key, load));
        }
    }

    public override async ValueTask SetAsync<T>(
        string key, T value, HybridCacheEntryOptions? options = null, IEnumerable<string>? tags = null, CancellationToken cancellationToken = default)
    {
        var entry = new Entry(JsonSerializer.Serialize(value), DateTime.UtcNow.Ticks, [.. tags ?? []]);
        await store.SetAsync(Name(key), JsonSerializer.SerializeToUtf8Bytes(entry), new DistributedCacheEntryOptions(), cancellationToken);
        _memory[key] = entry;
    }

    public override async ValueTask RemoveAsync(string key, CancellationToken cancellationToken = default)
    {
        _memory.TryRemove(key, out _);
        await store.RemoveAsync(Name(key), cancellationToken);
    }

    public override async ValueTask RemoveByTagAsync(string tag, CancellationToken cancellationToken = default)
    {
        var now = DateTime.UtcNow.Ticks;
        _tags[tag] = Task.FromResult(now);
        await store.SetAsync(Name("tag " + tag), BitConverter.GetBytes(now), new DistributedCacheEntryOptions(), cancellationToken);
    }

    private async Task<Entry> LoadAsync<TState, T>(string key, TState state, Func<TState, CancellationToken, ValueTask<T>> factory, string[] tags)
    {
        if (await store.GetAsync(Name(key)) is { } stored)
        {
            var found = JsonSerializer.Deserialize<Entry>(stored)!;
            if (await IsValidAsync(found))
            {
                _memory[key] = found;
                return found;
            }
        }

        var value = await factory(state, CancellationToken.None);
        var entry = new Entry(JsonSerializer.Serialize(value), DateTime.UtcNow.Ticks, tags);
        await store.SetAsync(Name(key), JsonSerializer.SerializeToUtf8Bytes(entry), new DistributedCacheEntryOptions());
        _memory[key] = entry;
        return entry;
    }

    private async ValueTask<bool> IsValidAsync(Entry entry)
    {
        foreach (var tag in entry.Tags.Append("*"))
        {
            if (entry.Created <= await _tags.GetOrAdd(tag, ReadTagAsync))
            {
                return false;
            }
        }

        return true;
    }

    private async Task<long> ReadTagAsync(string tag) => await store.GetAsync(Name("tag " + tag)) is { } stored ? BitConverter.ToInt64(stored) : 0;

    private string Name(string key) => $"{scope} {key}";

    internal sealed record Entry(string Json, long Created, string[] Tags);
}
