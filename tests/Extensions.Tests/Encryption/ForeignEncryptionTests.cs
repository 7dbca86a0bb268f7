using System.Security.Cryptography;
using Larder.Engine;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Encryption;

/// <summary>Encryption over a <see cref="HybridCache"/> that the application had before: what it holds in its memory is encrypted as well.</summary>
public sealed class ForeignEncryptionTests
{
    [Fact]
    public async Task What_the_wrapped_cache_is_given_is_wrapped_and_comes_back()
    {
        var clock = new SteppedClock();
        var foreign = new ForeignHybridCache(clock);
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(clock);
        services.AddSingleton<HybridCache>(foreign);
        services.AddLarder(options => options.Compression = CacheCompression.Deflate)
            .AddEncryption(keys => keys.Use(new CacheEncryptionKey("k1", RandomNumberGenerator.GetBytes(32))));
        await using var node = await CacheNode.StartAsync(services);
        var text = string.Concat(Enumerable.Repeat("a secret that repeats itself ", 500));
        await node.Cache.SetAsync("set", text);
        await node.Cache.GetOrCreateAsync("loaded", _ => new ValueTask<string>(text));

        Assert.Equal(text, await node.Cache.GetOrCreateAsync("set", _ => new ValueTask<string>("again")));
        Assert.Equal(text, await node.Cache.GetOrCreateAsync("loaded", _ => new ValueTask<string>("again")));
        foreach (var key in new[] { "set", "loaded" })
        {
            var stored = await foreign.GetOrCreateAsync<Larder.Hybrid.ForeignPayload?>(node.PhysicalKey(key), _ => default, new() { Flags = HybridCacheEntryFlags.DisableUnderlyingData });
            Assert.Equal((ushort)(PayloadLayer.Encrypted | PayloadLayer.Compressed), BitConverter.ToUInt16(stored!.Data, 2) & 48);
            Assert.InRange(stored.Data.Length, 64, 1_000);
            Assert.True(stored.Data.AsSpan().IndexOf("secret"u8) < 0);
        }
    }
}
