using Larder;
using Larder.Engine;
using Larder.Http;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds output caching for applications with tenants.</summary>
public static class LarderOutputCachingExtensions
{
    /// <summary>
    /// Adds the framework's output caching with a store on the levels of the data cache, and what <c>[CacheRoute]</c> needs. The application calls
    /// <c>app.UseLarderOutputCache()</c> after <c>app.UseLarderScope()</c> and authentication.
    /// </summary>
    /// <param name="builder">What <c>AddLarder</c> returned.</param>
    /// <param name="configure">Settings.</param>
    public static ILarderBuilder AddOutputCaching(this ILarderBuilder builder, Action<LarderOutputCacheOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddOutputCache();
        var isFirst = !builder.Services.Any(static service => service.ServiceType == typeof(CacheRoutePolicy));
        var options = builder.Services.AddOptions<LarderOutputCacheOptions>();
        if (isFirst)
        {
            // Before what code says, so that code wins.
            options.Configure<LarderMarker>(static (options, marker) =>
            {
                foreach (var section in marker.Sections)
                {
                    OutputCachingSection.Apply(section.GetSection("OutputCaching"), options);
                }
            });
        }

        options.Validate(
                static options => options.DefaultExpiration > TimeSpan.Zero,
                "Larder: LarderOutputCacheOptions.DefaultExpiration must be longer than zero. To cache nothing, do not call UseLarderOutputCache.")
            .ValidateOnStart();
        if (configure is not null)
        {
            builder.Services.Configure(configure);
        }

        if (!isFirst)
        {
            return builder;
        }

        builder.Services.AddSingleton<PageStore>();
        builder.Services.Replace(ServiceDescriptor.Singleton<IOutputCacheStore>(static provider => provider.GetRequiredService<PageStore>()));
        builder.Services.AddSingleton<IHybridCacheSerializer<Page>, PageSerializer>();
        builder.Services.AddSingleton<HttpScopeAccess>();
        builder.Services.AddSingleton<ResponseRules>();
        builder.Services.AddSingleton<CacheRoutePolicy>();
        builder.Services.AddSingleton<IStartupFilter, PageRequestMiddleware.StartupFilter>();
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IStartupFilter, PipelineCheck>());
        builder.Services.AddSingleton<MatcherPolicy, SeparatorGuard>();

        // After the application's own base policies.
        builder.Services.AddOptions<OutputCacheOptions>().PostConfigure<HttpScopeAccess, CacheEngine>(static (options, scopes, engine) => options.AddBasePolicy(new PlainPagePolicy(scopes, engine)));
        return builder;
    }
}
