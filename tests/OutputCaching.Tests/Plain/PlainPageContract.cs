using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests;

/// <summary>Pages of the framework's own policies: what was computed before an invalidation is not served after it.</summary>
public abstract class PlainPageContract : IAsyncLifetime
{
    private readonly SemaphoreSlim _gate = new(0);
    private int _entered;
    private int _version = 1;

    private protected abstract PageBackend Backend { get; }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await Backend.DisposeAsync();
        _gate.Dispose();
    }

    // The first run of all is held in the midst of its work.
    private Task<PageApp> StartAsync() => Backend.StartAsync(
        (_, web) => web.MapGet("/t/{tenant}/p", async (HttpContext http) =>
        {
            var read = Volatile.Read(ref _version);
            if (Interlocked.Increment(ref _entered) == 1)
            {
                await _gate.WaitAsync();
            }

            http.Features.Get<IOutputCacheFeature>()?.Context.Tags.Add("late");
            await http.Response.WriteAsync($"version {read}");
        }).CacheOutput(policy => policy.Tag("p").Expire(TimeSpan.FromMinutes(10))),
        scope => scope.FromRoute("tenant"));

    private static async Task DropAsync(PageApp app, string what)
    {
        var scope = new CacheScope("acme");
        using (CacheScope.Use(scope))
        {
            if (what == "tenant")
            {
                await app.Cache.RemoveByTagAsync("*");
            }
            else
            {
                await app.Services.GetRequiredService<IOutputCacheStore>().EvictByTagAsync(what, default);
            }
        }
    }

    [ContractTheory]
    [InlineData("p")]
    [InlineData("late")]
    [InlineData("tenant")]
    public async Task A_page_computed_before_an_invalidation_is_not_served_after_it(string dropped)
    {
        var app = await StartAsync();
        var other = Backend.IsShared ? await StartAsync() : app;
        var slow = app.GetAsync("/t/acme/p");
        await Poll.UntilAsync(() => Volatile.Read(ref _entered) == 1, "the first request has read version 1");
        Volatile.Write(ref _version, 2);
        await DropAsync(other, dropped);
        _gate.Release();
        Assert.Equal("version 1", (await slow).Body);

        Assert.Equal("version 2", (await other.GetAsync("/t/acme/p")).Body);
        await Poll.UntilAsync(async () => (await app.GetAsync("/t/acme/p")).Body == "version 2", "the node has heard of it");
        if (Backend.IsShared)
        {
            // And the server has not got it either.
            var third = await StartAsync();
            Assert.Equal("version 2", (await third.GetAsync("/t/acme/p")).Body);
        }
    }

    [ContractFact]
    public async Task A_page_that_nothing_has_made_obsolete_is_kept_on_all_nodes()
    {
        _gate.Release();
        var app = await StartAsync();
        var other = Backend.IsShared ? await StartAsync() : app;
        await app.GetAsync("/t/acme/p");
        await app.GetAsync("/t/globex/p");
        await DropAsync(app, "p");
        Volatile.Write(ref _version, 2);

        // One more run for the tenant whose page was dropped, and none for the other.
        Assert.Equal("version 2", (await app.GetAsync("/t/acme/p")).Body);
        Assert.Equal("version 1", (await other.GetAsync("/t/globex/p")).Body);
        Volatile.Write(ref _version, 3);
        Assert.Equal("version 2", (await other.GetAsync("/t/acme/p")).Body);
        Assert.Equal("version 2", (await app.GetAsync("/t/acme/p")).Body);
        Assert.Equal(3, _entered);
    }
}

public class MemoryPlainPageTests : PlainPageContract
{
    private protected override PageBackend Backend { get; } = new(null);
}

[NeedsServer(ServerKind.Redis)]
public sealed class RedisPlainPageTests : PlainPageContract
{
    private protected override PageBackend Backend { get; } = new(ServerKind.Redis);
}

[NeedsServer(ServerKind.Valkey)]
public sealed class ValkeyPlainPageTests : PlainPageContract
{
    private protected override PageBackend Backend { get; } = new(ServerKind.Valkey);
}

[NeedsServer(ServerKind.RedisCluster)]
public sealed class ClusterPlainPageTests : PlainPageContract
{
    private protected override PageBackend Backend { get; } = new(ServerKind.RedisCluster);
}
