using System.Buffers.Binary;
using Larder.Diagnostics;
using Larder.Engine;
using Larder.Tests.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Compression;

/// <summary>Compressed values at a second level.</summary>
public abstract class CompressionContract : LarderContract
{
    private static readonly string Text = string.Concat(Enumerable.Range(0, 500).Select(i => $"{{\"id\":{i},\"name\":\"product {i % 7}\"}},"));

    [ContractFact]
    public async Task What_one_node_compresses_every_node_reads()
    {
        foreach (var compression in new[] { CacheCompression.Brotli, CacheCompression.Deflate })
        {
            var node = await StartAsync(options => options.Compression = compression);
            var key = $"key {compression}";
            await node.Cache.SetAsync(key, Text);
            await node.Cache.GetOrCreateAsync(key + " loaded", _ => new ValueTask<string>(Text));

            Assert.Equal(Text, await node.ReadSharedAsync<string>(key));
            Assert.Equal(Text, await Node.ReadSharedAsync<string>(key));
            Assert.Equal(Text, await Node.ReadSharedAsync<string>(key + " loaded"));
            Assert.InRange((await node.ReadStoredAsync(node.PhysicalKey(key)))!.Length, 100, Text.Length / 3);
            Assert.InRange((await node.ReadStoredAsync(node.PhysicalKey(key + " loaded")))!.Length, 100, Text.Length / 3);
        }
    }

    [ContractFact]
    public async Task What_was_stored_before_is_still_read()
    {
        await Cache.SetAsync("key", Text);
        var node = await StartAsync(options => options.Compression = CacheCompression.Brotli);

        Assert.True((await node.ReadStoredAsync(node.PhysicalKey("key")))!.Length > Text.Length);
        Assert.Equal(Text, await node.ReadSharedAsync<string>("key"));
    }

    [ContractFact]
    public async Task What_is_short_or_does_not_become_smaller_is_stored_as_it_is()
    {
        var node = await StartAsync(options =>
        {
            options.Compression = CacheCompression.Brotli;
            options.CompressionThreshold = 1_000;
        });
        var noise = new byte[4_000];
        new Random(1).NextBytes(noise);
        await node.Cache.SetAsync("noise", noise);
        await node.Cache.SetAsync("at", new string('x', 1_000));
        await node.Cache.SetAsync("below", new string('x', 999));

        Assert.Equal(noise, await node.ReadSharedAsync<byte[]>("noise"));
        Assert.Equal(EntryPayload.HeaderLength + 4 + 4_000, (await node.ReadStoredAsync(node.PhysicalKey("noise")))!.Length);
        Assert.Equal(EntryPayload.HeaderLength + 4 + 999, (await node.ReadStoredAsync(node.PhysicalKey("below")))!.Length);
        Assert.InRange((await node.ReadStoredAsync(node.PhysicalKey("at")))!.Length, EntryPayload.HeaderLength + 4, 300);
    }

    [ContractFact]
    public async Task A_namespace_and_a_call_can_do_without()
    {
        var node = await StartAsync(options =>
        {
            options.Compression = CacheCompression.Deflate;
            options.Namespaces["plain"] = new NamespaceOptions { Compression = CacheCompression.None };
            options.Namespaces["long"] = new NamespaceOptions { CompressionThreshold = Text.Length + 1 };
        });
        foreach (var scope in new[] { CacheScope.Shared("plain"), CacheScope.Shared("long") })
        {
            await node.Cache.InScope(scope).SetAsync("key", Text);
            Assert.True((await node.ReadStoredAsync(node.PhysicalKey("key", scope)))!.Length > Text.Length);
        }

        await node.Cache.SetAsync("key", Text, new HybridCacheEntryOptions { Flags = HybridCacheEntryFlags.DisableCompression });
        Assert.True((await node.ReadStoredAsync(node.PhysicalKey("key")))!.Length > Text.Length);
        Assert.Equal(Text, await node.ReadSharedAsync<string>("key"));
    }

    [ContractFact]
    public async Task A_value_that_would_become_too_large_is_a_miss()
    {
        var node = await StartAsync(options => options.Compression = CacheCompression.Brotli);
        using var measured = new Measurements(node.Services.GetRequiredService<LarderMetrics>());
        await node.Cache.SetAsync("key", new string('x', 100_000));
        var physicalKey = node.PhysicalKey("key");
        var stored = (await node.ReadStoredAsync(physicalKey))!;
        foreach (var claimed in new[] { 1024 * 1024 + 1, int.MaxValue, -1, 0, 99_999, 100_001, 10 })
        {
            BinaryPrimitives.WriteInt32LittleEndian(stored.AsSpan(EntryPayload.HeaderLength + 5), claimed);
            Payloads.Reseal(stored);
            await node.WriteStoredAsync(physicalKey, stored);
            Assert.Null(await node.ReadSharedAsync<string>("key"));
        }

        Assert.Equal(7, measured.Sum("larder.payload.rejected Compression"));
        Assert.Equal("new", await node.Cache.GetOrCreateAsync("key", _ => new ValueTask<string>("new"), new HybridCacheEntryOptions { Flags = HybridCacheEntryFlags.DisableLocalCacheRead }));
        Assert.Equal("new", await node.ReadSharedAsync<string>("key"));
    }
}

public sealed class PlainCompressionTests : CompressionContract
{
    private protected override Backend Backend { get; } = Backend.Plain();
}

[NeedsServer(ServerKind.Redis)]
public sealed class RedisCompressionTests : CompressionContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.Redis);
}

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyCompressionTests : CompressionContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.Valkey);
}

[NeedsServer(ServerKind.RedisCluster)]
public sealed class RedisClusterCompressionTests : CompressionContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.RedisCluster);
}
