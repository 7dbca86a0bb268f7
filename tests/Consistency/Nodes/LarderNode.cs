using Larder.Consistency.Checking;
using Larder.Consistency.Faults;
using Larder.Consistency.Levels;
using Larder.Diagnostics;
using Larder.Engine;
using Larder.Redis;
using Larder.Scopes;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Larder.Consistency.Nodes;

/// <summary>A node as an application makes it, <c>AddLarder().UseRedis(…)</c>, with chaos between the engine and its server.</summary>
internal sealed class LarderNode : CheckedNode
{
    private readonly ServiceProvider _services;
    private readonly CacheEngine _engine;
    private readonly ICacheAdmin _admin;
    private readonly HybridCache[] _caches;

    public LarderNode(NodeSettings settings, int node, NodeChaos chaos)
    {
        var services = new ServiceCollection();
        var skew = settings.ClockSkew * (node % 3 - 1);
        services.AddSingleton(skew == TimeSpan.Zero ? TimeProvider.System : new SkewedTime(skew));
        services.AddLarder(options =>
        {
            options.Prefix = settings.Prefix;
            options.BackplaneTimeout = settings.BackplaneTimeout;
            options.LeaseDuration = settings.LeaseDuration;
            if (settings.Policies)
            {
                TurnPoliciesOn(options);
            }
        }).UseRedis(settings.Server);

        // The last registration counts: the engine that AddLarder would make, with its two connections decorated.
        services.AddSingleton(provider => MakeEngine(provider, settings, chaos));
        _services = services.BuildServiceProvider();
        _engine = _services.GetRequiredService<CacheEngine>();
        _admin = _services.GetRequiredService<ICacheAdmin>();
        var cache = _services.GetRequiredService<HybridCache>();
        _caches = [.. Enumerable.Range(0, settings.Tenants).Select(tenant => cache.InScope(Topology.ScopeOf(tenant)))];
    }

    public override bool HasLevels => true;

    public override HybridCache Cache(int tenant) => _caches[tenant];

    public override ValueTask ClearAsync(Change level, int tenant)
    {
        var scope = Topology.ScopeOf(tenant);
        return level switch
        {
            Change.ClearNamespace => _caches[tenant].RemoveByTagAsync("*"),
            Change.ClearProject => _admin.ClearProjectAsync(scope.Tenant, scope.Project),
            Change.ClearTenant => _admin.ClearTenantAsync(scope.Tenant!),
            _ => _admin.ClearAllAsync(),
        };
    }

    public override Task ReadyAsync() => Poll.UntilAsync(() => _engine.IsTrusted, "the node hears itself");

    public override int Untold => _engine.PendingCount;

    public override int LoadsUnderWay => _engine.Flights.Count + _engine.RefreshCount;

    public override ValueTask DisposeAsync() => _services.DisposeAsync();

    // Entries end all the time, so that there is always one to be refreshed, to stand in, and to be waited for.
    private static void TurnPoliciesOn(LarderOptions options)
    {
        options.DefaultExpiration = TimeSpan.FromMilliseconds(300);
        options.EarlyRefreshThreshold = 0.3;
        options.StaleWhileRevalidate = TimeSpan.FromMilliseconds(300);
        options.StaleIfError = TimeSpan.FromSeconds(2);
        options.StaleIfErrorThrottle = TimeSpan.FromMilliseconds(20);
        options.SoftTimeout = TimeSpan.FromMilliseconds(3);
        options.HardTimeout = TimeSpan.FromMilliseconds(200);
    }

    private static CacheEngine MakeEngine(IServiceProvider provider, NodeSettings settings, NodeChaos chaos)
    {
        var options = provider.GetRequiredService<IOptions<LarderOptions>>().Value;
        var connection = provider.GetRequiredService<LarderServer>().Connection!;
        var prefix = ScopedKey.ApplicationPrefix(options.Prefix, options.Version);
        SecondLevel level = new RedisSecondLevel(connection, prefix, options.LeaseDuration);
        level = settings.Broken switch
        {
            Broken.Leases => new BrokenLeases(level),
            Broken.Stamps => new BrokenStamps(level),
            _ => level,
        };
        var hooked = new HookedSecondLevel(level);
        var transport = new HookedTransport(new RedisBackplaneTransport(connection, prefix));
        chaos.Attach(hooked, transport);
        return new CacheEngine(
            options,
            provider.GetRequiredService<TimeProvider>(),
            new Serializers(provider),
            hooked,
            transport,
            provider.GetRequiredService<LarderMetrics>(),
            NullLogger.Instance);
    }
}
