using Larder.Distributed;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;

namespace Larder;

/// <summary>
/// The services as a cache sees them that Larder wraps: the <see cref="IDistributedCache"/> it keeps entries in is the application's, not the one with the scope over it. Its keys have
/// their scope already, and the scoped one needs an engine, which needs the wrapped cache.
/// </summary>
internal sealed class BelowScopeProvider(IServiceProvider provider, LarderMarker marker) : IServiceProvider, IKeyedServiceProvider
{
    public object? GetService(Type serviceType) =>
        serviceType == typeof(IDistributedCache) ? DistributedStore.Registered(provider, marker)
        : serviceType == typeof(IServiceProvider) || serviceType == typeof(IKeyedServiceProvider) ? this
        : provider.GetService(serviceType);

    public object? GetKeyedService(Type serviceType, object? serviceKey) => ((IKeyedServiceProvider)provider).GetKeyedService(serviceType, serviceKey);

    public object GetRequiredKeyedService(Type serviceType, object? serviceKey) => ((IKeyedServiceProvider)provider).GetRequiredKeyedService(serviceType, serviceKey);
}
