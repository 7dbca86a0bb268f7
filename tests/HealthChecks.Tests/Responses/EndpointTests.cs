using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.OutputCaching;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Xunit;

namespace Larder.Tests;

/// <summary>Three probes, and what they tell to whom.</summary>
public sealed class EndpointTests
{
    private const string Secret = "password=hunter2 at 10.0.0.1";

    private static void AddChecks(IServiceCollection services) => services.AddHealthChecks()
        .AddLarder()
        .AddCheck("throws", () => throw new InvalidOperationException(Secret), ["other"])
        .AddCheck("shows", () => HealthCheckResult.Healthy("fine", new Dictionary<string, object>
        {
            ["text"] = "<b>", ["number"] = 1L, ["ratio"] = 0.5, ["flag"] = true, ["nothing"] = null!, ["infinite"] = double.PositiveInfinity,
        }));

    [Fact]
    public async Task Live_asks_nobody_ready_the_tagged_and_the_rest_everybody()
    {
        await using var app = await HealthApp.StartAsync(AddChecks);

        Assert.Equal((200, ""), await NamesAsync("/health/live"));
        Assert.Equal((200, "larder"), await NamesAsync("/health/ready"));
        Assert.Equal((503, "larder,throws,shows"), await NamesAsync("/health"));

        async Task<(int, string)> NamesAsync(string path)
        {
            var (status, json, _) = await app.GetAsync(path);
            return (status, string.Join(',', json.GetProperty("entries").EnumerateObject().Select(entry => entry.Name)));
        }
    }

    [Fact]
    public async Task Exceptions_are_not_shown_and_data_is_json()
    {
        await using var app = await HealthApp.StartAsync(AddChecks);
        var (_, json, text) = await app.GetAsync("/health");

        Assert.DoesNotContain("hunter2", text, StringComparison.Ordinal);
        var entries = json.GetProperty("entries");
        Assert.Equal("Unhealthy", entries.GetProperty("throws").GetProperty("status").GetString());
        Assert.False(entries.GetProperty("throws").TryGetProperty("description", out _));
        var shows = entries.GetProperty("shows");
        Assert.Equal("fine", shows.GetProperty("description").GetString());
        Assert.Equal("""{"text":"\u003Cb\u003E","number":1,"ratio":0.5,"flag":true,"nothing":null,"infinite":"Infinity"}""", shows.GetProperty("data").GetRawText());
        Assert.True(json.GetProperty("durationMilliseconds").GetDouble() >= 0);
    }

    [Fact]
    public async Task A_policy_for_the_whole_application_does_not_cache_the_probes()
    {
        var asked = 0;
        await using var app = await HealthApp.StartAsync(
            services =>
            {
                services.AddOutputCache(options => options.AddBasePolicy(policy => policy.Cache()));
                services.AddHealthChecks().AddCheck("counts", () =>
                {
                    asked++;
                    return HealthCheckResult.Healthy();
                }, ["ready"]);
            },
            map: web =>
            {
                web.MapLarderHealth();
                web.MapHealthChecks("/framework");
            },
            pipeline: web => web.UseOutputCache());

        using var first = await app.Client.GetAsync("/framework");
        using var second = await app.Client.GetAsync("/framework");
        Assert.Equal(1, asked);

        foreach (var path in (string[])["/health/ready", "/health/ready", "/health", "/health"])
        {
            using var response = await app.Client.GetAsync(path);
            Assert.Equal("no-store", response.Headers.CacheControl!.ToString());
            Assert.Equal("application/json; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        }

        Assert.Equal(5, asked);
    }

    [Fact]
    public async Task The_place_can_be_chosen()
    {
        await using var app = await HealthApp.StartAsync(AddChecks, map: web => web.MapLarderHealth("/internal/state"));

        Assert.Equal(200, (await app.GetAsync("/internal/state/ready")).Status);
    }

    [Fact]
    public async Task The_frameworks_own_endpoint_shows_no_exception_of_ours()
    {
        await using var app = await HealthApp.StartAsync(
            services => services.AddHealthChecks().AddLarder(timeout: TimeSpan.FromSeconds(2)),
            server: "127.0.0.1:1,connectTimeout=200",
            map: web => web.MapHealthChecks("/plain"));
        await Poll.UntilAsync(async () => await app.Client.GetStringAsync("/plain") == "Degraded", "degraded");
        var report = await app.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();

        Assert.Null(report.Entries["larder"].Exception);
    }
}
