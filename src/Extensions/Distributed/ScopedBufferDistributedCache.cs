using System.Buffers;
using Larder.Engine;
using Microsoft.Extensions.Caching.Distributed;

namespace Larder.Distributed;

/// <summary>The same over an implementation that reads into buffers and writes from them.</summary>
internal sealed class ScopedBufferDistributedCache(IDistributedCache inner, CacheEngine? engine, CacheScope? scope, string? @namespace)
    : ScopedDistributedCache(inner, engine, scope, @namespace), IBufferDistributedCache
{
    bool IBufferDistributedCache.TryGet(string key, IBufferWriter<byte> destination) => TryGet(key, destination);

    ValueTask<bool> IBufferDistributedCache.TryGetAsync(string key, IBufferWriter<byte> destination, CancellationToken token) => TryGetAsync(key, destination, token);

    void IBufferDistributedCache.Set(string key, ReadOnlySequence<byte> value, DistributedCacheEntryOptions options) => Set(key, value, options);

    ValueTask IBufferDistributedCache.SetAsync(string key, ReadOnlySequence<byte> value, DistributedCacheEntryOptions options, CancellationToken token) => SetAsync(key, value, options, token);
}
