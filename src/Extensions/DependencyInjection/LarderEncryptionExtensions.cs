using System.Diagnostics.CodeAnalysis;
using Larder;
using Larder.Encryption;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Encrypts what Larder keeps at the second level.</summary>
public static class LarderEncryptionExtensions
{
    /// <summary>
    /// Encrypts values at the second level (AES-GCM) with keys of a provider. All namespaces are, unless <see cref="LarderOptions.Encrypt"/> or
    /// <see cref="NamespaceOptions.Encrypt"/> says otherwise. The last provider that is given counts.
    /// </summary>
    /// <typeparam name="TProvider">The provider; made once by the container.</typeparam>
    /// <param name="builder">What <c>AddLarder</c> returned.</param>
    public static ILarderBuilder AddEncryption<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TProvider>(this ILarderBuilder builder)
        where TProvider : class, ICacheKeyProvider
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.Replace(ServiceDescriptor.Singleton<ICacheKeyProvider, TProvider>());
        return builder;
    }

    /// <summary>Encrypts values at the second level (AES-GCM) with keys that the application has at hand.</summary>
    /// <param name="builder">What <c>AddLarder</c> returned.</param>
    /// <param name="configure">Says which keys.</param>
    /// <exception cref="ArgumentException"><paramref name="configure"/> says no key to encrypt with.</exception>
    public static ILarderBuilder AddEncryption(this ILarderBuilder builder, Action<CacheKeyRing> configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(configure);
        var ring = new CacheKeyRing();
        configure(ring);
        if (ring.Current is null)
        {
            throw new ArgumentException("No key is given that values are to be encrypted with: AddEncryption(keys => keys.Use(id, key)).", nameof(configure));
        }

        builder.Services.Replace(ServiceDescriptor.Singleton<ICacheKeyProvider>(_ => new KeyRingProvider(ring)));
        return builder;
    }
}
