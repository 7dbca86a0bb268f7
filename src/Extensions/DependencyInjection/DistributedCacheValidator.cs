using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Larder;

/// <summary>Checks at start that nobody has put another distributed cache over the scoped one: tenants would share it unnoticed.</summary>
internal sealed class DistributedCacheValidator(IServiceCollection services, ServiceDescriptor scoped) : IValidateOptions<LarderOptions>
{
    public ValidateOptionsResult Validate(string? name, LarderOptions options)
    {
        var last = services.LastOrDefault(static service => service.ServiceType == typeof(IDistributedCache) && !service.IsKeyedService);
        return ReferenceEquals(last, scoped)
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail($"Larder: {Describe(last)} is registered as IDistributedCache after AddDistributedCache(), which it would replace, and tenants would share it. Register it before.");
    }

    private static string Describe(ServiceDescriptor? service) =>
        $"'{service?.ImplementationType?.Name ?? service?.ImplementationInstance?.GetType().Name ?? (service is null ? "nothing" : "a factory")}'";
}
