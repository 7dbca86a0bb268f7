using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;
using Xunit;

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

    protected override async Task PrepareAsync() => Server = await TestServers.GetAsync(kind);

    protected override void AddCache(IServiceCollection services, string prefix, Action<LarderOptions> configure) =>
        services.AddLarder(configure).UseRedis(Server.PatientConnectionString);

    protected override async Task<bool> CopyStoredAsync(string from, string to)
    {
        // Where an instance name goes in front, it does so for both.
        await using var connection = await ConnectionMultiplexer.ConnectAsync(Server.ConnectionString);
        Assert.True((bool)await connection.GetDatabase().ExecuteAsync("COPY", (RedisKey)(InstanceName + from), (RedisKey)(InstanceName + to)));
        return true;
    }

    protected virtual string InstanceName => "";
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

    protected override Task<bool> CopyStoredAsync(string from, string to)
    {
        _second[to] = _second[from];
        return Task.FromResult(true);
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
    protected override string InstanceName => Prefix;

    protected override void AddCache(IServiceCollection services, string prefix, Action<LarderOptions> configure)
    {
        services.AddStackExchangeRedisCache(options =>
        {
            options.Configuration = Server.PatientConnectionString;
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

/// <summary>Larder around a <see cref="HybridCache"/> of the process, with stamps and the backplane on a server.</summary>
[NeedsServer(ServerKind.Redis)]
public sealed class ForeignOnRedisContractTests() : ServerContract(ServerKind.Redis)
{
    protected override bool IsShared => false;

    protected override bool ReferencesAreKept => false;

    protected override void AddCache(IServiceCollection services, string prefix, Action<LarderOptions> configure)
    {
        services.AddSingleton<HybridCache, ForeignHybridCache>();
        base.AddCache(services, prefix, configure);
    }

    protected override Task<bool> CopyStoredAsync(string from, string to) => Task.FromResult(false);
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
