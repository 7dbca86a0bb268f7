using Larder;
using Larder.Distributed;
using Larder.Engine;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Gives the application an <see cref="IDistributedCache"/> that knows whose data it holds.</summary>
public static class LarderDistributedCacheExtensions
{
    /// <summary>
    /// Puts the ambient <see cref="CacheScope"/> over the application's <see cref="IDistributedCache"/>: the one registered before; otherwise Microsoft's over the server of
    /// <c>UseRedis</c> and its one connection; otherwise memory. Values without an expiration have that of their namespace, follow the clears of
    /// <see cref="ICacheAdmin"/>, and are compressed and encrypted as the options say. Call it after an implementation is registered.
    /// </summary>
    /// <param name="builder">What <c>AddLarder</c> returned.</param>
    /// <exception cref="InvalidOperationException">The <see cref="IDistributedCache"/> registered before is not a singleton.</exception>
    public static ILarderBuilder AddDistributedCache(this ILarderBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var services = builder.Services;
        var marker = LarderMarker.Of(services);
        if (marker.ScopedDistributedCache is not null)
        {
            return builder;
        }

        ServiceTakeover.TryTakeOver<IDistributedCache>(services, DistributedStore.TakenKey, "AddStackExchangeRedisCache()");
        marker.ScopedDistributedCache = ServiceDescriptor.Singleton<IDistributedCache>(static provider => Create(provider, null, null));
        services.TryAddSingleton<DistributedStore>();
        services.Add(marker.ScopedDistributedCache);
        services.AddSingleton<IValidateOptions<LarderOptions>>(new DistributedCacheValidator(services, marker.ScopedDistributedCache));
        return builder;
    }

    /// <summary>
    /// The same as a keyed service: <c>[FromKeyedServices("favicon")] IDistributedCache</c>. What is injected without a key stays as it is.
    /// </summary>
    /// <param name="builder">What <c>AddLarder</c> returned.</param>
    /// <param name="name">The service's key. Not empty.</param>
    /// <param name="scope">
    /// The scope of all calls, for example <c>CacheScope.Shared("favicon")</c> for what all tenants share, or <see cref="CacheScope.Raw"/>. Default null: the ambient tenant and
    /// project, with <paramref name="name"/> for the namespace.
    /// </param>
    public static ILarderBuilder AddDistributedCache(this ILarderBuilder builder, string name, CacheScope? scope = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        builder.Services.TryAddSingleton<DistributedStore>();
        builder.Services.AddKeyedSingleton<IDistributedCache>(name, (provider, _) => Create(provider, scope, scope is null ? name : null));
        return builder;
    }

    private static ScopedDistributedCache Create(IServiceProvider provider, CacheScope? scope, string? @namespace) =>
        ScopedDistributedCache.Create(provider.GetRequiredService<DistributedStore>().Cache, provider.GetRequiredService<CacheEngine>(), scope, @namespace);
}
