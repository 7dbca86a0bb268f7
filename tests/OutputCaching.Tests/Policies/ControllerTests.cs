using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests;

/// <summary>The attribute on controllers, as on minimal APIs.</summary>
public class ControllerTests
{
    [Fact]
    public async Task An_action_overrules_its_controller()
    {
        await using var app = await PageApp.StartAsync(
            (_, web) => web.MapControllers(),
            scope => scope.FromRoute("tenant"),
            OneController.Add<CountedController>);

        Assert.Equal("larder; fwd=uri-miss; fwd-status=200; stored", (await app.GetAsync("/c/acme/long/1")).CacheStatus);
        Assert.Matches("ttl=(99|100)$", (await app.GetAsync("/c/acme/long/1")).CacheStatus);
        await app.GetAsync("/c/acme/short/1");
        Assert.Matches("ttl=(9|10)$", (await app.GetAsync("/c/acme/short/1")).CacheStatus);
        using (CacheScope.Use(new CacheScope("acme")))
        {
            await app.Cache.RemoveByTagAsync("short:1");
        }

        Assert.False((await app.GetAsync("/c/acme/short/1")).IsHit);
        Assert.True((await app.GetAsync("/c/acme/long/1")).IsHit);
    }
}

[ApiController]
[Route("c/{tenant}")]
[RequireTenant]
[CacheRoute(Duration = 100)]
public sealed class CountedController : ControllerBase
{
    private static int _served;

    [HttpGet("long/{id:int}")]
    public int Lasting(int id) => id + Interlocked.Increment(ref _served);

    [HttpGet("short/{id:int}")]
    [CacheRoute(Duration = 10, Tags = ["short:{id}"])]
    public int Brief(int id) => id + Interlocked.Increment(ref _served);
}
