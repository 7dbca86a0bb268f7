using Microsoft.Extensions.DependencyInjection;

namespace Larder;

/// <summary>Takes a service that is already registered out of the collection, to be wrapped.</summary>
internal static class ServiceTakeover
{
    /// <summary>Registers the service under a key that nobody else knows; the container makes it and disposes of it as before. False if there is none.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="key">The key.</param>
    /// <param name="registeredBy">What usually registers it, for the message.</param>
    /// <param name="below">What it is to see of the other services. Default: all as they are.</param>
    /// <exception cref="InvalidOperationException">It is not a singleton.</exception>
    public static bool TryTakeOver<TService>(IServiceCollection services, object key, string registeredBy, Func<IServiceProvider, IServiceProvider>? below = null)
        where TService : class
    {
        var registered = services.LastOrDefault(static service => service.ServiceType == typeof(TService) && !service.IsKeyedService);
        if (registered is null)
        {
            return false;
        }

        if (registered.Lifetime != ServiceLifetime.Singleton)
        {
            throw new InvalidOperationException(
                $"A {typeof(TService).Name} is registered with the lifetime {registered.Lifetime}. Larder can wrap it only as a singleton, as {registeredBy} registers it.");
        }

        for (var i = services.Count - 1; i >= 0; i--)
        {
            if (services[i].ServiceType == typeof(TService) && !services[i].IsKeyedService)
            {
                services.RemoveAt(i);
            }
        }

        if (registered.ImplementationInstance is TService instance)
        {
            services.AddKeyedSingleton(key, instance);
        }
        else if (registered.ImplementationFactory is { } factory)
        {
            services.AddKeyedSingleton(key, (provider, _) => (TService)factory(below?.Invoke(provider) ?? provider));
        }
        else if (below is not null && registered.ImplementationType is { } type)
        {
            services.AddKeyedSingleton(key, (provider, _) => (TService)ActivatorUtilities.CreateInstance(below(provider), type));
        }
        else
        {
            services.AddKeyedSingleton(typeof(TService), key, registered.ImplementationType!);
        }

        return true;
    }
}
