using System.Net;
using System.Text.Json;
using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests;

/// <summary>What the statistics endpoint tells, and how.</summary>
public sealed class StatisticsEndpointTests
{
    private const string Path = "/larder/statistics";

    private static void Open(WebApplication app) => app.MapLarderStatistics().AllowAnonymous();

    [Fact]
    public async Task Counts_are_told_in_all_and_by_namespace_and_tenant()
    {
        await using var app = await DashboardApp.StartAsync(Open);
        var acme = new CacheScope("acme", null, "orders");
        using (CacheScope.Use(acme))
        {
            for (var i = 0; i < 4; i++)
            {
                await app.Cache.GetOrCreateAsync("order:1", _ => ValueTask.FromResult(7));
            }
        }

        using (CacheScope.Use(new CacheScope("<script>alert(1)</script>")))
        {
            await app.Cache.TryGetAsync<int>("nothing");
        }

        using var response = await app.Client.GetAsync(Path);
        var text = await response.Content.ReadAsStringAsync();
        var json = JsonDocument.Parse(text).RootElement;

        Assert.True(json.GetProperty("isCounting").GetBoolean());
        Assert.Equal(JsonValueKind.Null, json.GetProperty("howToCount").ValueKind);
        var total = json.GetProperty("total");
        Assert.Equal(3, total.GetProperty("hits").GetInt64());
        Assert.Equal(2, total.GetProperty("misses").GetInt64());
        Assert.Equal(0.6, total.GetProperty("hitRate").GetDouble());
        Assert.Equal(1, total.GetProperty("entries").GetInt64());
        Assert.True(total.GetProperty("bytes").GetInt64() > 0);
        Assert.Equal(total.GetProperty("oldest").GetDateTimeOffset(), total.GetProperty("newest").GetDateTimeOffset());
        var tenant = json.GetProperty("tenants").EnumerateArray().Single(each => each.GetProperty("name").GetString() == "acme");
        Assert.Equal(0.75, tenant.GetProperty("hitRate").GetDouble());
        Assert.Equal(1, tenant.GetProperty("loads").GetInt64());
        Assert.Equal(3, json.GetProperty("namespaces").EnumerateArray().Single(each => each.GetProperty("name").GetString() == "orders").GetProperty("memoryHits").GetInt64());
        Assert.DoesNotContain("<script>", text, StringComparison.Ordinal);
        Assert.Contains(json.GetProperty("tenants").EnumerateArray(), each => each.GetProperty("name").GetString() == "<script>alert(1)</script>");
    }

    [Fact]
    public async Task Memory_alone_has_no_second_level_and_no_nodes()
    {
        await using var app = await DashboardApp.StartAsync(Open);
        var state = (await app.GetJsonAsync(Path)).GetProperty("state");

        Assert.Equal("""{"backend":"memory","isReachable":null,"openBreakers":[],"pendingInvalidations":0,"backplane":null}""", state.GetRawText());
    }

    [Fact]
    public async Task What_is_not_counted_is_said_with_how_to_count_it()
    {
        await using var app = await DashboardApp.StartAsync(Open, larder: larder => larder.Services.Configure<LarderOptions>(options => options.Statistics = false));
        await app.Cache.SetAsync("k", 1);
        var json = await app.GetJsonAsync(Path);

        Assert.False(json.GetProperty("isCounting").GetBoolean());
        Assert.Contains("CACHE_METRICS=1", json.GetProperty("howToCount").GetString(), StringComparison.Ordinal);
        Assert.Equal(1, json.GetProperty("total").GetProperty("entries").GetInt64());
    }

    [Fact]
    public async Task No_cache_keeps_the_answer_even_where_a_policy_caches_all()
    {
        await using var app = await DashboardApp.StartAsync(
            Open,
            services =>
            {
                DashboardApp.AddSecurity(services);
                services.AddOutputCache(options => options.AddBasePolicy(policy => policy.Cache()));
            },
            pipeline: web => web.UseOutputCache());
        var before = await app.GetJsonAsync(Path);
        await app.Cache.SetAsync("k", 1);
        using var response = await app.Client.GetAsync(Path);

        Assert.Equal("no-store", response.Headers.CacheControl!.ToString());
        Assert.Equal("application/json; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        Assert.Equal(0, before.GetProperty("total").GetProperty("entries").GetInt64());
        Assert.Equal(1, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("total").GetProperty("entries").GetInt64());
    }

    [Fact]
    public async Task A_reset_begins_to_count_anew()
    {
        await using var app = await DashboardApp.StartAsync(Open);
        await app.Cache.GetOrCreateAsync("k", _ => ValueTask.FromResult(1));

        using var response = await app.SendAsync(HttpMethod.Post, Path + "/reset");

        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        Assert.Equal(0, (await app.GetJsonAsync(Path)).GetProperty("total").GetProperty("misses").GetInt64());
    }

    [Theory]
    [InlineData("Sec-Fetch-Site", "cross-site", false)]
    [InlineData("Sec-Fetch-Site", "same-site", false)]
    [InlineData("Sec-Fetch-Site", "same-origin", true)]
    [InlineData("Origin", "https://evil.example", false)]
    [InlineData("Origin", "null", false)]
    [InlineData("Origin", "http://{host}.evil.example", false)]
    [InlineData("Origin", "http://{host}", true)]
    public async Task A_page_of_another_site_cannot_reset(string header, string value, bool allowed)
    {
        await using var app = await DashboardApp.StartAsync(Open);
        await app.Cache.GetOrCreateAsync("k", _ => ValueTask.FromResult(1));

        using var response = await app.SendAsync(HttpMethod.Post, Path + "/reset", null, (header, value.Replace("{host}", new Uri(app.Address).Authority, StringComparison.Ordinal)));

        Assert.Equal(allowed ? HttpStatusCode.NoContent : HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Equal(allowed ? 0 : 1, (await app.GetJsonAsync(Path)).GetProperty("total").GetProperty("misses").GetInt64());
    }

    [ServerFact(ServerKind.Redis)]
    public async Task Nodes_see_each_other_and_say_when_the_server_is_gone()
    {
        await using var server = await TestServers.StartNewAsync(ServerKind.Redis);
        await using var first = await DashboardApp.StartAsync(Open, larder: larder => larder.UseRedis($"{server.EndPoint}"));
        await using var second = await DashboardApp.StartAsync(Open, larder: larder => larder.UseRedis($"{server.EndPoint}"));
        JsonElement state = default;
        await Poll.UntilAsync(
            async () =>
            {
                await second.Cache.RemoveAsync("k");
                state = (await first.GetJsonAsync(Path)).GetProperty("state");
                return state.GetProperty("backplane").GetProperty("nodesSeen").GetInt32() == 1 && state.GetProperty("backplane").GetProperty("isTrusted").GetBoolean()
                    && state.GetProperty("isReachable").GetBoolean();
            },
            "the first reaches the server and hears the second",
            TimeSpan.FromMinutes(1));
        var other = (await second.GetJsonAsync(Path)).GetProperty("state").GetProperty("backplane").GetProperty("node").GetString();

        Assert.Equal("server", state.GetProperty("backend").GetString()!.Replace("redis", "server", StringComparison.Ordinal));
        Assert.Equal(other, Assert.Single(state.GetProperty("backplane").GetProperty("nodes").EnumerateArray()).GetProperty("node").GetString());

        await server.KillAsync();
        await Poll.UntilAsync(async () => !(await first.GetJsonAsync(Path)).GetProperty("state").GetProperty("isReachable").GetBoolean(), "it says that the server is gone", TimeSpan.FromMinutes(1));
    }
}
