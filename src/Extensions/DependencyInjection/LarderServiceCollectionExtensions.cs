using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using Larder;
using Larder.Admin;
using Larder.Backplane;
using Larder.Counters;
using Larder.Dashboard;
using Larder.Diagnostics;
using Larder.Distributed;
using Larder.Engine;
using Larder.Hybrid;
using Larder.Notifications;
using Larder.Locks;
using Larder.Namespaces;
using Larder.Redis;
using Larder.Scopes;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds Larder to an application.</summary>
public static class LarderServiceCollectionExtensions
{
    /// <summary>The configuration section that <see cref="AddLarder(IServiceCollection, IConfiguration)"/> reads.</summary>
    private const string SectionName = "Larder";

    /// <summary>
    /// Gives the application a <see cref="HybridCache"/> that follows the ambient <see cref="CacheScope"/>. A
    /// <see cref="HybridCache"/> registered before is wrapped; otherwise Larder's own engine serves, with an
    /// <see cref="IDistributedCache"/> registered in the application, or the server of <c>UseRedis</c> or of the environment, as
    /// second level. Calling it again only adds to the options.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Settings from code; they win over the <c>Larder</c> section and the environment.</param>
    public static ILarderBuilder AddLarder(this IServiceCollection services, Action<LarderOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        AddCore(services);
        if (configure is not null)
        {
            services.Configure(configure);
        }

        return new LarderBuilder(services);
    }

    /// <summary>
    /// As <see cref="AddLarder(IServiceCollection, Action{LarderOptions}?)"/>, with the settings of the <c>Larder</c> section of
    /// <paramref name="configuration"/> (or of the section itself, if that is what is given). They win over the environment.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configuration">The application's configuration, or its <c>Larder</c> section.</param>
    public static ILarderBuilder AddLarder(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configuration);
        AddCore(services).Sections.Add(configuration is IConfigurationSection { Key: SectionName } given ? given : configuration.GetSection(SectionName));
        return new LarderBuilder(services);
    }

    private static LarderMarker AddCore(IServiceCollection services)
    {
        if (services.FirstOrDefault(service => service.ServiceType == typeof(LarderMarker))?.ImplementationInstance is LarderMarker added)
        {
            return added;
        }

        var marker = new LarderMarker(WrapsForeign: TakeOver(services));
        services.AddSingleton(marker);

        // Registered first, so that what code configures comes after it and wins, in whatever order the calls are written.
        services.AddOptions<LarderOptions>()
            .Configure<IServiceProvider>((options, provider) =>
            {
                new LarderEnvironment(provider.GetService<IConfiguration>()).Apply(options);
                Bind(marker, options);
            })
            .PostConfigure<IServiceProvider>(static (options, provider) => new LarderEnvironment(provider.GetService<IConfiguration>()).ApplyToNamespaces(options))
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<LarderOptions>, LarderOptionsValidator>();
        services.AddOptions<ServerSettings>().Configure(server =>
        {
            foreach (var section in marker.Sections)
            {
                var name = section["Redis"] is not null ? "Redis" : "Valkey";
                if (section[name] is { } address && !string.IsNullOrWhiteSpace(address))
                {
                    server.Choice = ServerChoice.Parse(address, $"{section.Path}:{name}", name == "Valkey");
                }
            }
        });
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(static provider => new LarderMetrics(provider.GetService<IMeterFactory>()));
        services.AddSingleton<LarderServer>();
        services.AddSingleton<ILarderConnection, LarderConnection>();
        services.AddSingleton<ILarderStatus, LarderStatus>();
        services.AddHostedService<StartReport>();
        DashboardServices.Add(services);
        services.AddOptions<LoggerFilterOptions>().Configure<IOptions<LarderOptions>>(static (filters, options) =>
        {
            try
            {
                if (options.Value.LogsCalls)
                {
                    // Who asks for the lines need not also know where to raise the level.
                    filters.Rules.Add(new LoggerFilterRule(null, CallLog.Category, LogLevel.Debug, null));
                }
            }
            catch (Exception exception) when (exception is OptionsValidationException or FormatException)
            {
                // The start says it. Logs are needed for that.
            }
        });
        services.AddSingleton<ICacheNotifications>(static provider => new CacheNotifications(provider.GetRequiredService<CacheEngine>(), provider.GetRequiredService<LarderServer>().Connection, CreateLogger(provider)));
        services.AddSingleton(static provider => CreateEngine(provider));
        services.AddSingleton<ICacheAdmin>(static provider => new CacheAdmin(provider.GetRequiredService<CacheEngine>()));
        services.AddSingleton<HybridCache>(static provider => new ScopedHybridCache(provider.GetRequiredService<CacheEngine>(), null));
        services.AddSingleton<ICacheCounters>(static provider => CreateCounters(provider));
        services.AddSingleton<ICacheNamespaces>(static provider => new CacheNamespaces(provider.GetRequiredService<CacheEngine>(), provider.GetRequiredService<ICacheCounters>()));
        services.AddKeyedSingleton(KeyedService.AnyKey, static (provider, key) => ((CacheNamespaces)provider.GetRequiredService<ICacheNamespaces>()).Get(key));
        services.AddSingleton(static provider => CreateLocks(provider));
        services.AddSingleton<ICacheLocks>(static provider => new CacheLocks(provider.GetRequiredService<LockStore>(), null));
        return marker;
    }

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "LarderOptions holds only simple values and is referenced here.")]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "LarderOptions holds only simple values and is referenced here.")]
    private static void Bind(LarderMarker marker, LarderOptions options)
    {
        foreach (var section in marker.Sections)
        {
            section.Bind(options);
        }
    }

    /// <summary>Takes a <see cref="HybridCache"/> that is already registered out of the collection, to be wrapped.</summary>
    private static bool TakeOver(IServiceCollection services)
    {
        if (!ServiceTakeover.TryTakeOver<HybridCache>(services, LarderMarker.ForeignKey, "AddHybridCache()", static provider => new BelowScopeProvider(provider, provider.GetRequiredService<LarderMarker>())))
        {
            return false;
        }

        services.TryAddSingleton<IHybridCacheSerializer<ForeignPayload>, ForeignPayloadSerializer>();
        return true;
    }

    private static CacheCounters CreateCounters(IServiceProvider provider)
    {
        var engine = provider.GetRequiredService<CacheEngine>();
        var counts = provider.GetRequiredService<LarderServer>().Connection is { } connection ? new RedisCounts(connection) : null;
        return new CacheCounters(new CountStore(engine, counts, engine.HasSecondLevel, provider.GetRequiredService<IOptions<LarderOptions>>().Value), null);
    }

    private static LockStore CreateLocks(IServiceProvider provider)
    {
        var engine = provider.GetRequiredService<CacheEngine>();
        var locks = provider.GetRequiredService<LarderServer>().Connection is { } connection ? new RedisLocks(connection) : null;
        return new LockStore(engine, locks, engine.HasSecondLevel, CreateLogger(provider));
    }

    private static ILogger CreateLogger(IServiceProvider provider) => provider.GetService<ILoggerFactory>()?.CreateLogger("Larder.Cache") ?? NullLogger.Instance;

    private static CacheEngine CreateEngine(IServiceProvider provider)
    {
        var options = provider.GetRequiredService<IOptions<LarderOptions>>().Value;
        var time = provider.GetRequiredService<TimeProvider>();
        var server = provider.GetRequiredService<LarderServer>();
        var logger = CreateLogger(provider);
        var prefix = ScopedKey.ApplicationPrefix(options.Prefix, options.Version);
        SecondLevel? second = null;
        if (server.Connection is { } connection)
        {
            second = new RedisSecondLevel(connection, prefix, options.LeaseDuration);
        }
        else if (DistributedStore.Registered(provider, provider.GetRequiredService<LarderMarker>()) is { } distributed && distributed.GetType() != typeof(MemoryDistributedCache))
        {
            // The memory implementation would be a slower copy of what this process holds anyway.
            second = new DistributedSecondLevel(distributed, prefix, time);
        }

        if (provider.GetRequiredService<LarderMarker>().WrapsForeign)
        {
            var foreign = provider.GetRequiredKeyedService<HybridCache>(LarderMarker.ForeignKey);

            // Microsoft's implementation keeps its entries in the shared memory cache under the key as given.
            var shared = foreign.GetType().Assembly.GetName().Name == "Microsoft.Extensions.Caching.Hybrid" ? provider.GetService<IMemoryCache>() : null;
            
            // Where shared stamps have no backplane, nobody tells this process of a key that another changed: its copies must not live long.
            var longestLocal = second is not null && server.Connection is null ? options.StampAge : TimeSpan.MaxValue;
            second = new ForeignSecondLevel(foreign, second, shared, longestLocal, new EngineClock(time));
        }

        var backplane = server.Connection is null ? null : new RedisBackplaneTransport(server.Connection, prefix);
        var engine = new CacheEngine(options, time, new Serializers(provider), second, backplane, provider.GetRequiredService<LarderMetrics>(), logger, scopes: provider.GetService<IServiceScopeFactory>(), keys: provider.GetService<ICacheKeyProvider>(), calls: provider.GetService<ILoggerFactory>()?.CreateLogger(CallLog.Category));
        foreach (var handler in provider.GetServices<EvictionHandler>())
        {
            engine.Evictions.Subscribe(eviction => handler.Handle(provider, eviction));
        }

        return engine;
    }
}
