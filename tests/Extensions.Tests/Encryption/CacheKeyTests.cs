using System.Security.Cryptography;
using Larder.Encryption;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace Larder.Tests.Encryption;

/// <summary>Keys, the ring that holds them, and what is said when they are wrong.</summary>
public sealed class CacheKeyTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(15)]
    [InlineData(17)]
    [InlineData(31)]
    [InlineData(64)]
    public void A_key_of_another_length_is_refused_without_being_shown(int length)
    {
        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(length));
        var error = Assert.Throws<ArgumentException>(() => CacheEncryptionKey.FromBase64("k1", key));
        Assert.Contains($"'k1' is {length} bytes long", error.Message, StringComparison.Ordinal);
        Assert.Contains("16, 24 or 32 bytes", error.Message, StringComparison.Ordinal);
        Assert.True(length == 0 || !error.ToString().Contains(key, StringComparison.Ordinal));
    }

    [Fact]
    public void Text_that_is_no_Base64_is_refused_without_being_shown()
    {
        var error = Assert.Throws<ArgumentException>(() => CacheEncryptionKey.FromBase64("k1", "hunter2!"));
        Assert.Contains("'k1' is not Base64", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("schlüssel")]
    [InlineData("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")]
    public void An_id_that_could_not_be_stored_is_refused(string id)
    {
        var error = Assert.Throws<ArgumentException>(() => new CacheEncryptionKey(id, new byte[32]));
        Assert.Contains($"'{id}'", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(24)]
    [InlineData(32)]
    public void A_key_shows_its_id_and_is_gone_once_disposed_of(int length)
    {
        var bytes = RandomNumberGenerator.GetBytes(length);
        var key = new CacheEncryptionKey("k1", bytes);
        Assert.Equal("key 'k1'", key.ToString());
        key.CreateCipher().Dispose();
        key.Dispose();
        Assert.Throws<ObjectDisposedException>(() => key.CreateCipher());
        Assert.Throws<ObjectDisposedException>(() => key.Derive([1]));
    }

    [Fact]
    public void A_ring_without_a_key_to_use_or_with_two_is_refused()
    {
        var larder = new ServiceCollection().AddLarder();
        Assert.Contains("keys.Use", Assert.Throws<ArgumentException>(() => larder.AddEncryption(keys => keys.Accept(Key("old")))).Message, StringComparison.Ordinal);
        Assert.Contains("'a' and with the key 'b'", Assert.Throws<InvalidOperationException>(() => larder.AddEncryption(keys => keys.Use(Key("a")).Use(Key("b")))).Message, StringComparison.Ordinal);
        Assert.Contains("two encryption keys with the id 'a'", Assert.Throws<ArgumentException>(() => larder.AddEncryption(keys => keys.Use(Key("a")).Accept(Key("a")))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_tenant_has_a_key_of_its_own_and_no_more_are_kept_than_a_bound()
    {
        using var provider = new KeyRingProvider(new CacheKeyRing().Use(Key("k1")).PerTenant());
        var acme = await provider.GetCurrentKeyAsync(new CacheScope("acme"), default);
        Assert.Same(acme, await provider.GetCurrentKeyAsync(new CacheScope("acme", "web", "users"), default));
        Assert.Same(acme, await provider.FindKeyAsync(new CacheScope("acme"), "k1", default));
        Assert.Null(await provider.FindKeyAsync(new CacheScope("acme"), "k2", default));
        string?[] tenants = [null, "", "acme", "ACME", "t", "acme:p.web"];
        var sealedTexts = new HashSet<string>();
        foreach (var tenant in tenants)
        {
            Assert.True(sealedTexts.Add(Encrypt(await provider.GetCurrentKeyAsync(new CacheScope(tenant), default))), tenant);
        }

        for (var i = 0; i < KeyRingProvider.MaximumDerivedKeys + 100; i++)
        {
            await provider.GetCurrentKeyAsync(new CacheScope($"tenant {i}"), default);
        }

        Assert.InRange(provider.DerivedKeys, 1, KeyRingProvider.MaximumDerivedKeys);
        Assert.Equal(Encrypt(acme), Encrypt(await provider.GetCurrentKeyAsync(new CacheScope("acme"), default)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Encryption_that_is_asked_for_without_keys_is_refused(bool global)
    {
        var services = new ServiceCollection();
        services.AddLarder(options =>
        {
            options.Encrypt = global ? true : null;
            options.Namespaces["secret"] = new NamespaceOptions { Encrypt = true };
            options.CompressionThreshold = -1;
            options.Namespaces["odd"] = new NamespaceOptions { Compression = (CacheCompression)7 };
        });
        using var provider = services.BuildServiceProvider();
        var error = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IOptions<LarderOptions>>().Value);
        Assert.Contains(error.Failures, failure => failure.Contains(global ? "Larder: Encrypt is 'True'" : "Namespaces[secret].Encrypt is 'True'", StringComparison.Ordinal) && failure.Contains("AddEncryption", StringComparison.Ordinal));
        Assert.Contains("Larder: CompressionThreshold is '-1'; it must be zero or more bytes.", error.Failures);
        Assert.Contains("Larder: Namespaces[odd].Compression is '7'; it must be None, Brotli or Deflate.", error.Failures);
    }

    private static CacheEncryptionKey Key(string id) => new(id, RandomNumberGenerator.GetBytes(32));

    // The same nonce on purpose: equal keys give equal texts.
    private static string Encrypt(CacheEncryptionKey key)
    {
        using var cipher = key.CreateCipher();
        var (text, tag) = (new byte[16], new byte[16]);
        cipher.Encrypt(new byte[12], new byte[16], text, tag);
        return Convert.ToHexString(text);
    }
}
