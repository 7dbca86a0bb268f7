using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Larder;

/// <summary>Says that Larder has been added, and what was found out then.</summary>
/// <param name="WrapsForeign">Whether it wraps a <c>HybridCache</c> that the application had before.</param>
internal sealed record LarderMarker(bool WrapsForeign)
{
    /// <summary>The key under which the wrapped cache is registered.</summary>
    public static object ForeignKey { get; } = new();

    /// <summary>The <c>IDistributedCache</c> that follows the scope, if it is the application's default.</summary>
    public ServiceDescriptor? ScopedDistributedCache { get; set; }

    /// <summary>The one that <c>AddLarder</c> left in a collection.</summary>
    public static LarderMarker Of(IServiceCollection services) =>
        services.FirstOrDefault(static service => service.ServiceType == typeof(LarderMarker))?.ImplementationInstance as LarderMarker
        ?? throw new InvalidOperationException("Call services.AddLarder() first.");

    /// <summary>Sections of the configuration to read, in the order they were given.</summary>
    public List<IConfigurationSection> Sections { get; } = [];
}
