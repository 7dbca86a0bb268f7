using System.Collections.Concurrent;
using Microsoft.Extensions.Caching.Distributed;

namespace Larder.Consistency.Nodes;

/// <summary>A second level that all simple nodes of the process share, a millisecond away.</summary>
internal sealed class SimpleStore : IDistributedCache
{
    private static readonly TimeSpan RoundTrip = TimeSpan.FromMilliseconds(1);

    private readonly ConcurrentDictionary<string, byte[]> _values = new();

    public async Task<byte[]?> GetAsync(string key, CancellationToken token = default)
    {
        await Task.Delay(RoundTrip, token);
        return _values.GetValueOrDefault(key);
    }

    public async Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default)
    {
        await Task.Delay(RoundTrip, token);
        _values[key] = value;
    }

    public async Task RemoveAsync(string key, CancellationToken token = default)
    {
        await Task.Delay(RoundTrip, token);
        _values.TryRemove(key, out _);
    }

    public Task RefreshAsync(string key, CancellationToken token = default) => Task.CompletedTask;

    public byte[]? Get(string key) => _values.GetValueOrDefault(key);

    public void Set(string key, byte[] value, DistributedCacheEntryOptions options) => _values[key] = value;

    public void Remove(string key) => _values.TryRemove(key, out _);

    public void Refresh(string key)
    {
    }
}
