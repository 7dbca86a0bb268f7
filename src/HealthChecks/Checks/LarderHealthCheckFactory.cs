using Larder.Diagnostics;
using Larder.Engine;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Larder.Health;

/// <summary>Puts checks together from their probes.</summary>
internal static class LarderHealthCheckFactory
{
    /// <summary>All that applies to the application's cache.</summary>
    public static LarderHealthCheck OfCache(IServiceProvider provider, LarderHealthOptions options, TimeSpan timeout)
    {
        var server = Server(provider, nameof(LarderHealthChecksBuilderExtensions.AddLarder));
        var engine = provider.GetRequiredService<CacheEngine>();
        var time = provider.GetRequiredService<TimeProvider>();
        var probes = ServerProbes(options, time, requiresServer: false);
        probes.Add(new BreakerProbe(provider.GetRequiredService<LarderMetrics>()));
        probes.Add(new BackplaneProbe(engine, options, time));
        probes.Add(new RoundTripProbe(engine, time));
        if (provider.GetService<IOutputCacheStore>() is { } pages)
        {
            probes.Add(new OutputCacheProbe(pages, time));
        }

        return Create(provider, probes, server, server.Connection is not null ? "server" : engine.HasSecondLevel ? "cache" : "memory", options, timeout);
    }

    /// <summary>The server alone.</summary>
    public static LarderHealthCheck OfServer(IServiceProvider provider, string method, LarderHealthOptions options, TimeSpan timeout) =>
        Create(provider, ServerProbes(options, provider.GetRequiredService<TimeProvider>(), requiresServer: true), Server(provider, method), "server", options, timeout);

    private static List<IHealthProbe> ServerProbes(LarderHealthOptions options, TimeProvider time, bool requiresServer) =>
    [
        new ServerProbe(options, time, requiresServer),
        new ReplicationProbe(options, time),
        new MemoryProbe(options),
        new ClusterProbe(),
        new SentinelProbe(time),
    ];

    private static LarderHealthCheck Create(
        IServiceProvider provider, IReadOnlyList<IHealthProbe> probes, LarderServer server, string level, LarderHealthOptions options, TimeSpan timeout) =>
        new(probes, server.Connection, level, options, timeout, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<LarderHealthCheck>>());

    private static LarderServer Server(IServiceProvider provider, string method) =>
        provider.GetService<LarderServer>() ?? throw new InvalidOperationException($"AddHealthChecks().{method}() checks the cache of services.AddLarder(). Call that too.");
}
