using System.Diagnostics.CodeAnalysis;
using Larder;
using Larder.Resources;
using Microsoft.Extensions.Caching.Hybrid;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Gives an application resources to inject.</summary>
public static class LarderResourceExtensions
{
    /// <summary>Registers a <see cref="CacheResource{TId}"/> in the ambient scope, to be injected by its name: <c>[FromKeyedServices("user")] CacheResource&lt;int&gt; users</c>.</summary>
    /// <typeparam name="TId">The type of the id.</typeparam>
    /// <param name="builder">What <c>AddLarder</c> returned.</param>
    /// <param name="name">Its name: letters, digits, '.', '_' and '-', 64 characters at most.</param>
    /// <param name="policy">What its reads want where they do not say themselves.</param>
    /// <exception cref="ArgumentException"><paramref name="name"/> is no name.</exception>
    public static ILarderBuilder AddResource<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties | DynamicallyAccessedMemberTypes.PublicFields)] TId>(
        this ILarderBuilder builder, string name, CacheEntryPolicy? policy = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ResourceNames.Check(name, nameof(name));
        builder.Services.AddKeyedSingleton(name, (provider, _) => provider.GetRequiredService<HybridCache>().Resource<TId>(name, policy));
        return builder;
    }
}
