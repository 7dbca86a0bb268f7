using Larder;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Handlers that are there from the beginning.</summary>
public static class LarderNotificationExtensions
{
    /// <summary>Calls a handler for each entry that leaves this node's memory; see <see cref="ICacheNotifications.OnEviction"/>.</summary>
    /// <param name="builder">What <c>AddLarder</c> returned.</param>
    /// <param name="handler">Gets the application's services, not those of a request.</param>
    public static ILarderBuilder OnEviction(this ILarderBuilder builder, Action<IServiceProvider, CacheEviction> handler)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(handler);
        builder.Services.AddSingleton(new EvictionHandler(handler));
        return builder;
    }
}

/// <summary>A handler of evictions, as the container keeps it.</summary>
internal sealed record EvictionHandler(Action<IServiceProvider, CacheEviction> Handle);
