using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Tests;

/// <summary>What the second level of a node holds, byte by byte.</summary>
internal static class StoredBytes
{
    private static readonly HybridCacheEntryOptions SecondLevelOnly = new() { Flags = HybridCacheEntryFlags.DisableLocalCache | HybridCacheEntryFlags.DisableUnderlyingData };

    public static string PhysicalKey(this CacheNode node, string key, CacheScope? scope = null) => node.Engine!.Scope(scope ?? CacheScope.Raw).PhysicalKey(key);

    public static async Task<byte[]?> ReadStoredAsync(this CacheNode node, string physicalKey) =>
        node.Services.GetRequiredService<LarderServer>().Connection is { } connection
            ? await (await connection.DatabaseAsync()).StringGetAsync(physicalKey)
            : await node.Services.GetRequiredService<IDistributedCache>().GetAsync(physicalKey);

    public static async Task WriteStoredAsync(this CacheNode node, string physicalKey, byte[] payload)
    {
        if (node.Services.GetRequiredService<LarderServer>().Connection is { } connection)
        {
            await (await connection.DatabaseAsync()).StringSetAsync(physicalKey, payload, TimeSpan.FromMinutes(10));
        }
        else
        {
            await node.Services.GetRequiredService<IDistributedCache>().SetAsync(physicalKey, payload, new DistributedCacheEntryOptions());
        }
    }

    /// <summary>The value as the second level has it, or null if it has none that may be used.</summary>
    public static ValueTask<T?> ReadSharedAsync<T>(this CacheNode node, string key, CacheScope? scope = null)
        where T : class =>
        node.Cache.InScope(scope ?? CacheScope.Raw).GetOrCreateAsync<T?>(key, static _ => throw new InvalidOperationException("No load."), SecondLevelOnly);
}
