using Larder.Diagnostics;
using Larder.Engine;
using Larder.Tests.Engine;
using Larder.Tests.Shared;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests.Failures;

/// <summary>A plain <see cref="IDistributedCache"/> that fails.</summary>
public sealed class DistributedFailureTests : FailureContract
{
    private readonly TestDistributedCache _store;

    public DistributedFailureTests() => _store = new TestDistributedCache(Clock);

    [Fact]
    public async Task While_nobody_reads_the_engine_itself_finds_out_that_the_store_is_back()
    {
        var node = await StartAsync(_ => { });
        await FailAsync();
        for (var i = 0; i < 4; i++)
        {
            await new CountedFactory<int>(i).ReadAsync(node.Cache, $"key {i}");
        }

        Assert.Equal(["second_level"], node.OpenBreakers);
        await RecoverAsync();
        await UntilAsync(() => Task.FromResult(node.OpenBreakers.Count == 0), "the breaker closes");
    }

    private protected override async Task<Node> CreateAsync(Action<LarderOptions> configure)
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(Clock);
        services.AddSingleton<IDistributedCache>(_store);
        services.AddLarder(configure);
        var node = await CacheNode.StartAsync(services);
        return new Node(node.Cache, node.Services.GetRequiredService<LarderMetrics>(), node.DisposeAsync);
    }

    private protected override Task FailAsync()
    {
        _store.Failure = new IOException("away");
        return Task.CompletedTask;
    }

    private protected override Task RecoverAsync()
    {
        _store.Failure = null;
        return Task.CompletedTask;
    }
}
