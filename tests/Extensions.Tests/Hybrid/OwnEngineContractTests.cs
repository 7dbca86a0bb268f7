using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace Larder.Tests.Hybrid;

/// <summary>Larder's own engine without a second level.</summary>
public sealed class InMemoryContractTests : HybridCacheContract
{
    protected override void AddCache(IServiceCollection services, string prefix, Action<LarderOptions> configure) => services.AddLarder(configure);
}

/// <summary>Larder's own engine on a server.</summary>
public abstract class ServerContract(ServerKind kind) : HybridCacheContract
{
    protected ITestServer Server { get; private set; } = null!;

    protected override bool IsShared => true;

    // The lease of a load that a tag has overtaken stays until the load ends: those who come later wait for that.
    protected override bool OvertakenLoadsDelay => true;

    protected override async Task PrepareAsync() => Server = await TestServers.GetAsync(kind);

    protected override void AddCache(IServiceCollection services, string prefix, Action<LarderOptions> configure) =>
        services.AddLarder(configure).UseRedis(Server.ConnectionString);
}

[NeedsServer(ServerKind.Redis)]
public sealed class RedisContractTests() : ServerContract(ServerKind.Redis);

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyContractTests() : ServerContract(ServerKind.Valkey);

/// <summary>Larder's own engine over an <see cref="IDistributedCache"/> that knows nothing of stamps or leases.</summary>
public sealed class PlainDistributedContractTests : HybridCacheContract
{
    private readonly TestDistributedCache _second;

    public PlainDistributedContractTests() => _second = new TestDistributedCache(Clock);

    protected override bool IsShared => true;

    protected override void AddCache(IServiceCollection services, string prefix, Action<LarderOptions> configure)
    {
        services.AddSingleton<IDistributedCache>(_second);
        services.AddLarder(configure);
    }

    protected override Task CatchUpAsync()
    {
        Clock.Advance(new LarderOptions().StampAge + TimeSpan.FromMilliseconds(1));
        return Task.CompletedTask;
    }
}

/// <summary>The same over Microsoft's cache on a Redis server, which reads and writes buffers.</summary>
[NeedsServer(ServerKind.Redis)]
public sealed class MicrosoftRedisContractTests() : ServerContract(ServerKind.Redis)
{
    protected override bool OvertakenLoadsDelay => false;

    protected override void AddCache(IServiceCollection services, string prefix, Action<LarderOptions> configure)
    {
        services.AddStackExchangeRedisCache(options =>
        {
            options.Configuration = Server.ConnectionString;
            options.InstanceName = prefix;
        });
        services.AddLarder(configure);
    }

    protected override Task CatchUpAsync()
    {
        Clock.Advance(new LarderOptions().StampAge + TimeSpan.FromMilliseconds(1));
        return Task.CompletedTask;
    }
}

/// <summary>Larder around a <see cref="HybridCache"/> that the application registered.</summary>
public sealed class ForeignContractTests : HybridCacheContract
{
    protected override bool ReferencesAreKept => false;

    protected override void AddCache(IServiceCollection services, string prefix, Action<LarderOptions> configure)
    {
        services.AddSingleton<HybridCache, ForeignHybridCache>();
        services.AddLarder(configure);
    }
}
