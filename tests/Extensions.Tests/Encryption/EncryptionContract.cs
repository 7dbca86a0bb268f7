using System.Security.Cryptography;
using System.Text;
using Larder.Diagnostics;
using Larder.Engine;
using Larder.Tests.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Larder.Tests.Encryption;

/// <summary>Encrypted values at a second level.</summary>
public abstract class EncryptionContract : LarderContract
{
    private const string Secret = "a value that nobody else may see, not even its beginning";
    private static readonly CacheScope Acme = new("acme");
    private static readonly CacheScope Umbrella = new("umbrella");
    private readonly byte[] _bytes = RandomNumberGenerator.GetBytes(32);

    private CacheEncryptionKey First => new("first", _bytes);

    private CacheEncryptionKey Second { get; } = new("second", RandomNumberGenerator.GetBytes(16));

    [ContractFact]
    public async Task Neither_the_value_nor_the_key_stands_at_the_second_level()
    {
        var node = await StartAsync(options => options.Compression = CacheCompression.Brotli, larder => larder.AddEncryption(keys => keys.Use(First)));
        var reader = await StartAsync(null, larder => larder.AddEncryption(keys => keys.Use(First)));
        var text = string.Concat(Enumerable.Repeat(Secret, 100));
        await node.Cache.SetAsync("short", Secret);
        await node.Cache.SetAsync("long", text);
        await node.Cache.GetOrCreateAsync("loaded", _ => new ValueTask<string>(Secret));
        foreach (var key in new[] { "short", "long", "loaded" })
        {
            var stored = (await node.ReadStoredAsync(node.PhysicalKey(key)))!;
            Assert.True(stored.AsSpan().IndexOf(Encoding.UTF8.GetBytes(Secret[..12])) < 0);
            for (var i = 0; i + 4 <= _bytes.Length; i++)
            {
                Assert.True(stored.AsSpan().IndexOf(_bytes.AsSpan(i, 4)) < 0);
            }
        }

        Assert.InRange((await node.ReadStoredAsync(node.PhysicalKey("long")))!.Length, 100, text.Length / 10);
        Assert.Equal(Secret, await reader.ReadSharedAsync<string>("short"));
        Assert.Equal(text, await reader.ReadSharedAsync<string>("long"));
        Assert.Equal(Secret, await reader.ReadSharedAsync<string>("loaded"));
    }

    [ContractFact]
    public async Task Equal_values_are_stored_differently_each_time()
    {
        var node = await StartAsync(null, larder => larder.AddEncryption(keys => keys.Use(First)));
        var nonces = new HashSet<string>();
        for (var i = 0; i < 200; i++)
        {
            await node.Cache.SetAsync("key", Secret);
            var stored = (await node.ReadStoredAsync(node.PhysicalKey("key")))!;
            Assert.True(nonces.Add(Convert.ToHexString(stored.AsSpan(EntryPayload.HeaderLength + 4 + 1 + "first".Length, 12))));
        }
    }

    [ContractFact]
    public async Task An_entry_that_was_moved_to_another_key_or_tenant_is_a_miss()
    {
        var node = await StartAsync(null, larder => larder.AddEncryption(keys => keys.Use(First)));
        using var measured = new Measurements(node.Services.GetRequiredService<LarderMetrics>());
        await node.Cache.InScope(Acme).SetAsync("key", Secret);
        var stored = (await node.ReadStoredAsync(node.PhysicalKey("key", Acme)))!;

        // The stamps and the name of the key are made to fit, as someone could who may write to the server.
        foreach (var (scope, key) in new[] { (Acme, "other"), (Umbrella, "key") })
        {
            await node.Cache.InScope(scope).SetAsync(key, "theirs");
            var target = (await node.ReadStoredAsync(node.PhysicalKey(key, scope)))!;
            byte[] forged = [.. stored];
            target.AsSpan(8, 52).CopyTo(forged.AsSpan(8));
            Payloads.Reseal(forged);
            await node.WriteStoredAsync(node.PhysicalKey(key, scope), forged);
            Assert.Null(await node.ReadSharedAsync<string>(key, scope));
        }

        Assert.Equal(2, measured.Sum("larder.payload.rejected NotAuthentic"));
        Assert.Equal(Secret, await node.ReadSharedAsync<string>("key", Acme));
    }

    [ContractFact]
    public async Task A_changed_byte_is_a_miss_wherever_it_is()
    {
        var node = await StartAsync(null, larder => larder.AddEncryption(keys => keys.Use(First)));
        await node.Cache.SetAsync("key", Secret, tags: ["tag"]);
        var physicalKey = node.PhysicalKey("key");
        var stored = (await node.ReadStoredAsync(physicalKey))!;
        for (var i = 8; i < stored.Length; i++)
        {
            byte[] changed = [.. stored];
            changed[i] ^= 1;
            Payloads.Reseal(changed);
            await node.WriteStoredAsync(physicalKey, changed);
            Assert.True(await node.ReadSharedAsync<string>("key") is null, $"byte {i}");
        }

        await node.WriteStoredAsync(physicalKey, stored);
        Assert.Equal(Secret, await node.ReadSharedAsync<string>("key"));
    }

    [ContractFact]
    public async Task Null_and_not_found_are_sealed_as_well()
    {
        var node = await StartAsync(options => options.NullIsNotFound = false, larder => larder.AddEncryption(keys => keys.Use(First)));
        await node.Cache.SetAsync<string?>("null", null);
        var physicalKey = node.PhysicalKey("null");
        var stored = (await node.ReadStoredAsync(physicalKey))!;
        Assert.Equal((byte)PayloadLayer.Encrypted, stored[2] & 32);
        Assert.Null(await node.Cache.GetOrCreateAsync<string?>("null", _ => new("loaded"), new() { Flags = HybridCacheEntryFlags.DisableLocalCache }));

        // From null to "not found", and to an empty value.
        foreach (var flags in new byte[] { 2 + 32, 32, 1, 0 })
        {
            byte[] changed = [.. stored];
            changed[2] = flags;
            Payloads.Reseal(changed);
            await node.WriteStoredAsync(physicalKey, changed);
            Assert.Equal("loaded", await node.Cache.GetOrCreateAsync<string?>("null", _ => new("loaded"), new() { Flags = HybridCacheEntryFlags.DisableLocalCache | HybridCacheEntryFlags.DisableDistributedCacheWrite }));
        }
    }

    [ContractFact]
    public async Task Keys_are_rotated_without_a_miss_and_what_a_removed_key_has_sealed_is_one()
    {
        var before = await StartAsync(null, larder => larder.AddEncryption(keys => keys.Use(First)));
        var between = await StartAsync(null, larder => larder.AddEncryption(keys => keys.Use(First).Accept(Second)));
        var rotated = await StartAsync(null, larder => larder.AddEncryption(keys => keys.Use(Second).Accept(First)));
        var after = await StartAsync(null, larder => larder.AddEncryption(keys => keys.Use(Second)));
        using var measured = new Measurements(after.Services.GetRequiredService<LarderMetrics>());
        await before.Cache.SetAsync("old", Secret);
        await rotated.Cache.SetAsync("new", Secret);

        foreach (var node in new[] { between, rotated })
        {
            Assert.Equal(Secret, await node.ReadSharedAsync<string>("old"));
            Assert.Equal(Secret, await node.ReadSharedAsync<string>("new"));
        }

        Assert.Equal(Secret, await after.ReadSharedAsync<string>("new"));
        Assert.Null(await after.ReadSharedAsync<string>("old"));
        Assert.Equal(1, measured.Sum("larder.payload.rejected UnknownKey"));
        Assert.Equal("loaded", await after.Cache.GetOrCreateAsync("old", _ => new ValueTask<string>("loaded")));
        Assert.Equal("loaded", await rotated.ReadSharedAsync<string>("old"));
    }

    [ContractFact]
    public async Task What_is_not_encrypted_is_a_miss_unless_it_is_accepted()
    {
        var strict = await StartAsync(null, larder => larder.AddEncryption(keys => keys.Use(First)));
        var lenient = await StartAsync(options => options.AcceptUnencrypted = true, larder => larder.AddEncryption(keys => keys.Use(First)));
        using var measured = new Measurements(strict.Services.GetRequiredService<LarderMetrics>());
        await Cache.SetAsync("key", Secret);

        Assert.Equal(Secret, await lenient.ReadSharedAsync<string>("key"));
        Assert.Null(await strict.ReadSharedAsync<string>("key"));
        Assert.Equal(1, measured.Sum("larder.payload.rejected NotEncrypted"));

        // And the other way round: a node without keys misses, and does not fail.
        await strict.Cache.SetAsync("sealed", Secret);
        Assert.Null(await Node.ReadSharedAsync<string>("sealed"));
    }

    [ContractFact]
    public async Task Namespaces_choose_for_themselves()
    {
        var node = await StartAsync(
            options =>
            {
                options.Encrypt = false;
                options.Namespaces["secret"] = new NamespaceOptions { Encrypt = true };
            },
            larder => larder.AddEncryption(keys => keys.Use(First)));
        await node.Cache.SetAsync("key", Secret);
        await node.Cache.InScope(CacheScope.Shared("secret")).SetAsync("key", Secret);

        Assert.Equal(0, (await node.ReadStoredAsync(node.PhysicalKey("key")))![2] & 32);
        Assert.Equal(32, (await node.ReadStoredAsync(node.PhysicalKey("key", CacheScope.Shared("secret"))))![2] & 32);
    }

    [ContractFact]
    public async Task Entries_are_found_by_their_indexes_too_and_what_is_not_encrypted_does_not_count()
    {
        if (!Backend.IsShared)
        {
            return;
        }

        var index = new CacheIndex("user", "alice");
        var node = await StartAsync(options => options.Compression = CacheCompression.Brotli, larder => larder.AddEncryption(keys => keys.Use(First)));
        var text = string.Concat(Enumerable.Repeat(Secret, 100));
        await node.Cache.SetAsync("sealed", text, [index]);
        await Cache.SetAsync("plain", Secret, [index]);
        var found = new List<KeyValuePair<string, string?>>();
        await foreach (var entry in node.Cache.GetByIndexAsync<string>(index))
        {
            found.Add(entry);
        }

        Assert.Equal([new("sealed", text)], found);
    }

    [ContractFact]
    public async Task What_one_tenants_key_has_sealed_no_other_opens()
    {
        var keys = new TestKeys();
        var (acme, umbrella) = (First, new CacheEncryptionKey("first", RandomNumberGenerator.GetBytes(32)));
        keys.Current = scope => scope.Tenant == "acme" ? acme : umbrella;
        keys.Find = (scope, _) => scope.Tenant == "acme" ? acme : umbrella;
        var node = await StartAsync(null, larder => larder.Services.AddSingleton<ICacheKeyProvider>(keys));
        var derived = await StartAsync(null, larder => larder.AddEncryption(ring => ring.Use(First).PerTenant()));
        await node.Cache.InScope(Acme).SetAsync("key", Secret);
        Assert.Equal(Secret, await node.ReadSharedAsync<string>("key", Acme));
        keys.Find = (_, _) => umbrella;
        Assert.Null(await node.ReadSharedAsync<string>("key", Acme));

        await derived.Cache.InScope(Umbrella).SetAsync("key", Secret);
        Assert.Equal(Secret, await derived.ReadSharedAsync<string>("key", Umbrella));
        Assert.Null(await derived.ReadSharedAsync<string>("key", Acme));
    }

    [ContractFact]
    public async Task Without_a_key_values_are_served_and_kept_in_memory_and_nothing_is_stored()
    {
        var keys = new TestKeys { Current = _ => First, Find = (_, _) => First };
        var log = new TestLog();
        var node = await StartAsync(null, larder => larder.AddEncryptionOf(keys, log));
        using var measured = new Measurements(node.Services.GetRequiredService<LarderMetrics>());
        await node.Cache.SetAsync("set", Secret);
        await node.Cache.SetAsync("there", Secret);
        keys.Current = _ => throw new InvalidOperationException("The vault is closed.");

        Assert.Equal(Secret, await node.Cache.GetOrCreateAsync("loaded", _ => new ValueTask<string>(Secret)));
        Assert.Equal(Secret, await node.Cache.GetOrCreateAsync("loaded", _ => new ValueTask<string>("again")));
        Assert.Null(await node.ReadStoredAsync(node.PhysicalKey("loaded")));

        // The old value must not outlive the one that could not be stored.
        await node.Cache.SetAsync("set", "newer");
        Assert.Null(await node.ReadStoredAsync(node.PhysicalKey("set")));
        Assert.Equal("newer", await node.Cache.GetOrCreateAsync("set", _ => new ValueTask<string>("loaded")));
        Assert.Equal(2, measured.Sum("larder.load.unstored no_key"));
        Assert.Single(log.Find("no key to encrypt"));

        // The provider is asked again a second later.
        await AdvanceAsync(TimeSpan.FromSeconds(2));
        Assert.Equal(Secret, await node.ReadSharedAsync<string>("there"));

        keys.Find = (_, _) => throw new InvalidOperationException("The vault is closed.");
        Assert.Null(await node.ReadSharedAsync<string>("there"));
        Assert.Equal(1, measured.Sum("larder.payload.rejected NoKey"));
        Assert.DoesNotContain(log.Messages, message => message.Text.Contains(Secret, StringComparison.Ordinal));
    }

    [ContractFact]
    public async Task A_provider_that_gives_keys_it_has_thrown_away_is_one_without_keys()
    {
        var thrown = new CacheEncryptionKey("first", _bytes);
        thrown.Dispose();
        var keys = new TestKeys { Current = _ => First, Find = (_, _) => thrown };
        var node = await StartAsync(null, larder => larder.AddEncryptionOf(keys, new TestLog()));
        using var measured = new Measurements(node.Services.GetRequiredService<LarderMetrics>());
        await node.Cache.SetAsync("there", Secret);
        Assert.Null(await node.ReadSharedAsync<string>("there"));
        Assert.Equal(1, measured.Sum("larder.payload.rejected NoKey"));

        keys.Current = _ => thrown;
        Assert.Equal(Secret, await node.Cache.GetOrCreateAsync("loaded", _ => new ValueTask<string>(Secret)));
        Assert.Equal(Secret, await node.Cache.GetOrCreateAsync("loaded", _ => new ValueTask<string>("again")));
        await node.Cache.SetAsync("set", Secret);
        Assert.Equal(Secret, await node.Cache.GetOrCreateAsync("set", _ => new ValueTask<string>("loaded")));

        keys.Current = _ => null!;
        Assert.Equal(Secret, await node.Cache.GetOrCreateAsync("none", _ => new ValueTask<string>(Secret)));
        Assert.Equal(Secret, await node.Cache.GetOrCreateAsync("none", _ => new ValueTask<string>("again")));
        Assert.Null(await node.ReadStoredAsync(node.PhysicalKey("loaded")));
        Assert.Null(await node.ReadStoredAsync(node.PhysicalKey("set")));
        Assert.Null(await node.ReadStoredAsync(node.PhysicalKey("none")));
    }

    [ContractFact]
    public async Task Entries_are_removed_by_their_indexes_also_while_no_key_opens_them()
    {
        if (!Backend.IsShared)
        {
            return;
        }

        var keys = new TestKeys { Current = _ => First, Find = (_, _) => First };
        var node = await StartAsync(null, larder => larder.AddEncryptionOf(keys, new TestLog()));
        var reader = await StartAsync(null, larder => larder.AddEncryption(ring => ring.Use(First)));
        var alice = new CacheIndex("user", "alice");
        await node.Cache.SetAsync("session", Secret, [alice]);
        keys.Find = (_, _) => throw new InvalidOperationException("The vault is closed.");

        Assert.Equal(1, await node.Cache.RemoveByIndexAsync(alice));
        Assert.Null(await reader.ReadSharedAsync<string>("session"));
    }

    [ContractFact]
    public async Task A_key_provider_that_never_answers_holds_nobody_up()
    {
        var keys = new TestKeys { Current = _ => First, Delay = new TaskCompletionSource().Task };
        var node = await StartAsync(options => options.SecondLevelReadTimeout = TimeSpan.FromMilliseconds(200), larder => larder.Services.AddSingleton<ICacheKeyProvider>(keys));
        async Task ReadAsync() => Assert.Equal(Secret, await node.Cache.GetOrCreateAsync($"{Guid.NewGuid()}", _ => new ValueTask<string>(Secret)).AsTask().WaitAsync(TimeSpan.FromSeconds(30)));

        // On a busy machine the server may seem silent too, and what cannot be stored needs no key. With time it is asked again.
        await Poll.UntilAsync(
            async () =>
            {
                Clock.Advance(TimeSpan.FromSeconds(1));
                await ReadAsync();
                return keys.Calls != 0;
            },
            "the provider is asked");
        for (var i = 0; i < 20; i++)
        {
            await ReadAsync();
        }

        // After some silences it is not asked each time.
        Assert.InRange(keys.Calls, 1, 19);
    }
}

internal static class TestKeysExtensions
{
    public static void AddEncryptionOf(this ILarderBuilder larder, TestKeys keys, TestLog log)
    {
        larder.Services.AddSingleton<ICacheKeyProvider>(keys);
        larder.Services.AddLogging(logging => logging.AddProvider(new TestLogProvider(log)));
    }
}

public sealed class PlainEncryptionTests : EncryptionContract
{
    private protected override Backend Backend { get; } = Backend.Plain();
}

[NeedsServer(ServerKind.Redis)]
public sealed class RedisEncryptionTests : EncryptionContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.Redis);
}

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyEncryptionTests : EncryptionContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.Valkey);
}

[NeedsServer(ServerKind.RedisCluster)]
public sealed class RedisClusterEncryptionTests : EncryptionContract
{
    private protected override Backend Backend { get; } = Backend.Of(ServerKind.RedisCluster);
}
