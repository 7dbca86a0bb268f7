using Larder;
using Larder.Http;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds output caching for applications with tenants.</summary>
public static class LarderOutputCachingExtensions
{
    /// <summary>
    /// Adds the framework's output caching and what <c>[CacheRoute]</c> needs. The application calls <c>app.UseOutputCache()</c>
    /// after <c>app.UseLarderScope()</c>.
    /// </summary>
    /// <param name="builder">What <c>AddLarder</c> returned.</param>
    /// <param name="configure">Settings.</param>
    public static ILarderBuilder AddOutputCaching(this ILarderBuilder builder, Action<LarderOutputCacheOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddOutputCache();
        builder.Services.AddOptions<LarderOutputCacheOptions>()
            .Validate(
                static options => options.DefaultExpiration > TimeSpan.Zero,
                "Larder: LarderOutputCacheOptions.DefaultExpiration must be longer than zero. To cache nothing, do not call UseOutputCache.")
            .ValidateOnStart();
        if (configure is not null)
        {
            builder.Services.Configure(configure);
        }

        builder.Services.TryAddSingleton<PageGenerations>();
        builder.Services.TryAddSingleton<PageKey>();
        builder.Services.TryAddSingleton<CacheRoutePolicy>();
        return builder;
    }
}
