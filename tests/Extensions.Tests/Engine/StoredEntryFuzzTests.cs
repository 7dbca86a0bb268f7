using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Engine;

/// <summary>Damaged entries read through the whole cache: never an exception, and without a forged checksum never another value.</summary>
public sealed class StoredEntryFuzzTests
{
    private const int Rounds = 30_000;

    private static readonly CacheEntryPolicy Policy = new()
    {
        StaleIfError = TimeSpan.FromHours(1), StaleWhileRevalidate = TimeSpan.FromHours(1), StaleIfErrorServes = StaleValues.Invalidated, EarlyRefreshThreshold = 0.8,
    };

    private static readonly byte[] Key = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    [Theory]
    [InlineData(false, CacheCompression.None, false)]
    [InlineData(true, CacheCompression.None, false)]
    [InlineData(false, CacheCompression.Brotli, false)]
    [InlineData(true, CacheCompression.Brotli, false)]
    [InlineData(true, CacheCompression.Deflate, false)]
    [InlineData(false, CacheCompression.None, true)]
    [InlineData(true, CacheCompression.None, true)]
    [InlineData(true, CacheCompression.Brotli, true)]
    public async Task A_damaged_entry_is_a_miss_or_what_was_stored(bool forged, CacheCompression compression, bool encrypted)
    {
        var clock = new SteppedClock();
        var store = new TestDistributedCache(clock);
        await using var writer = await StartAsync(store, clock, compression, encrypted);
        await using var reader = await StartAsync(store, clock, compression, encrypted);
        int[] value = [.. Enumerable.Range(1, 20).SelectMany(i => new[] { i, i, i })];
        await writer.Cache.GetOrCreateAsync("key", (entry, _) =>
        {
            entry.ETag = "\"v1\"";
            return new ValueTask<int[]>(value);
        }, Policy, ["tag"]);
        var physicalKey = Assert.Single(store.Keys, key => key.EndsWith(":key", StringComparison.Ordinal));
        var stored = store[physicalKey]!;
        var random = new Random(20260101);
        var intact = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var damaged = Damage(stored, random);
            if (forged)
            {
                Payloads.Reseal(damaged);
            }

            store[physicalKey] = damaged;
            var read = await reader.Cache.GetOrCreateAsync<int[]?>("key", (_, _) => new ValueTask<int[]?>([]), Policy, ["tag"]);
            if (read is null or not [])
            {
                intact++;
                if (!forged || encrypted)
                {
                    Assert.Equal(value, read);
                }
            }

            await reader.Cache.RemoveAsync("key");
        }

        // With the checksum forged the reader must have got past it; but not past a tag.
        Assert.InRange(intact, forged && !encrypted ? 1 : 0, Rounds - 1);
    }

    private static byte[] Damage(byte[] payload, Random random)
    {
        payload = random.Next(4) == 0 ? payload[..random.Next(payload.Length)] : [.. payload];
        for (var times = random.Next(1, 4); times > 0 && payload.Length > 0; times--)
        {
            var at = random.Next(payload.Length);
            payload[at] = random.Next(2) == 0 ? (byte)(payload[at] ^ (1 << random.Next(8))) : (byte)random.Next(256);
        }

        return payload;
    }

    private static Task<CacheNode> StartAsync(TestDistributedCache store, SteppedClock clock, CacheCompression compression, bool encrypted)
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(clock);
        services.AddSingleton<IDistributedCache>(store);
        var larder = services.AddLarder(options =>
        {
            options.Compression = compression;
            options.CompressionThreshold = 0;
        });
        if (encrypted)
        {
            larder.AddEncryption(keys => keys.Use(new CacheEncryptionKey("key", Key)));
        }

        return CacheNode.StartAsync(services);
    }
}
