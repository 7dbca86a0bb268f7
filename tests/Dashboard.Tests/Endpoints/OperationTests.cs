using System.Net;
using System.Net.Http.Json;
using System.Text;
using Larder.Tests.Shared;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests;

/// <summary>What can be done at the dashboard, and by whom.</summary>
public sealed class OperationTests
{
    private static readonly CacheScope Scope = new("acme", null, "orders");

    private static void Open(WebApplication app) => app.MapLarderDashboard().AllowAnonymous();

    private static void ShowingValues(WebApplication app) => app.MapLarderDashboard(configure: options => options.AllowValues = true).AllowAnonymous();

    [Theory]
    [InlineData("remove-key")]
    [InlineData("remove-tag")]
    [InlineData("clear-tenant")]
    public async Task An_entry_is_removed_by_key_tag_and_tenant_and_no_other(string operation)
    {
        await using var app = await DashboardApp.StartAsync(Open);
        var others = new[] { Scope.WithTenant("globex"), CacheScope.Raw };
        await StoreAsync(app, [Scope, .. others]);
        using var somebody = new Operator(app);

        var (status, _) = await somebody.AskAsync(operation, new { tenant = "acme", @namespace = "orders", key = "k", tag = "t" });

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.False(await HasAsync(app, Scope));
        foreach (var other in others)
        {
            Assert.True(await HasAsync(app, other));
        }
    }

    [Fact]
    public async Task Without_a_tenant_only_what_has_none_is_cleared()
    {
        await using var app = await DashboardApp.StartAsync(Open);
        await StoreAsync(app, Scope, CacheScope.Raw);
        using var somebody = new Operator(app);

        await somebody.AskAsync("clear-tenant", new { });

        Assert.False(await HasAsync(app, CacheScope.Raw));
        Assert.True(await HasAsync(app, Scope));
    }

    [Theory]
    [InlineData("find")]
    [InlineData("remove-key")]
    [InlineData("remove-tag")]
    [InlineData("clear-tenant")]
    [InlineData("reset")]
    public async Task Nothing_is_done_without_the_token(string operation)
    {
        await using var app = await DashboardApp.StartAsync(Open);
        await StoreAsync(app, Scope);
        using var somebody = new Operator(app);
        var (header, token) = await somebody.TokenAsync();
        var request = new { tenant = "acme", @namespace = "orders", key = "k", tag = "t" };

        var refused = new[]
        {
            await somebody.AskAsync(operation, JsonContent.Create(request), null),
            await somebody.AskAsync(operation, JsonContent.Create(request), (header, "nonsense")),
            await somebody.AskAsync(operation, JsonContent.Create(request), (header, token), ("Sec-Fetch-Site", "cross-site")),
            await somebody.AskAsync(operation, JsonContent.Create(request), (header, token), ("Origin", "https://evil.example")),
        };

        Assert.All(refused, answer => Assert.Equal(HttpStatusCode.BadRequest, answer.Status));
        Assert.All(refused, answer => Assert.Contains("antiforgery", answer.Json.GetProperty("text").GetString(), StringComparison.Ordinal));
        Assert.True(await HasAsync(app, Scope));
        Assert.Equal(HttpStatusCode.OK, (await somebody.AskAsync(operation, JsonContent.Create(request), (header, token), ("Sec-Fetch-Site", "same-origin"))).Status);
    }

    [Fact]
    public async Task The_token_of_one_user_is_not_anothers()
    {
        await using var app = await DashboardApp.StartAsync(web => web.MapLarderDashboard());
        using var anna = new Operator(app, user: "anna");
        using var bert = new Operator(app, user: "bert");
        var token = await anna.TokenAsync();
        await bert.TokenAsync();

        Assert.Equal(HttpStatusCode.BadRequest, (await bert.AskAsync("reset", JsonContent.Create(new { }), token)).Status);
        Assert.Equal(HttpStatusCode.OK, (await anna.AskAsync("reset", JsonContent.Create(new { }), token)).Status);
    }

    [Fact]
    public async Task What_is_no_request_is_refused_with_the_reason()
    {
        await using var app = await DashboardApp.StartAsync(Open);
        using var somebody = new Operator(app);
        var token = await somebody.TokenAsync();

        var missing = await somebody.AskAsync("remove-key", new { tag = "t" });
        var broken = await somebody.AskAsync("remove-key", new StringContent("{", Encoding.UTF8, "application/json"), token);
        var text = await somebody.AskAsync("remove-key", new StringContent("key=k"), token);
        var tooLong = await somebody.AskAsync("remove-key", JsonContent.Create(new { key = new string('x', 200_000) }), token);

        Assert.Equal((HttpStatusCode.BadRequest, "Give a key."), (missing.Status, missing.Json.GetProperty("text").GetString()));
        Assert.Equal(HttpStatusCode.BadRequest, broken.Status);
        Assert.Equal(HttpStatusCode.BadRequest, text.Status);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, tooLong.Status);
    }

    [Fact]
    public async Task A_form_is_not_even_read()
    {
        var isRead = false;
        await using var app = await DashboardApp.StartAsync(Open, pipeline: web => web.Use(async (context, next) =>
        {
            await next(context);
            isRead |= context.Features.Get<IFormFeature>()?.Form is not null;
        }));
        using var somebody = new Operator(app);

        var (status, _) = await somebody.AskAsync("reset", new FormUrlEncodedContent([new("key", "k")]), null);

        Assert.Equal((HttpStatusCode.BadRequest, false), (status, isRead));
    }

    [Theory]
    [InlineData("remove-key")]
    [InlineData("remove-tag")]
    [InlineData("clear-tenant")]
    public async Task It_is_not_said_that_all_nodes_know_while_the_server_is_away(string operation)
    {
        await using var app = await DashboardApp.StartAsync(Open, larder: larder => larder.UseRedis("127.0.0.1:1"));
        using var somebody = new Operator(app);

        var (status, json) = await somebody.AskAsync(operation, new { tenant = "acme", key = "k", tag = "t" });

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Contains("when the server answers again", json.GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.DoesNotContain("on all nodes", json.GetProperty("text").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_entry_is_described_within_its_scope_without_its_value()
    {
        await using var app = await DashboardApp.StartAsync(Open);
        await StoreAsync(app, Scope);
        using var somebody = new Operator(app);

        var (_, found) = await somebody.AskAsync("find", new { tenant = "acme", @namespace = "orders", key = "k" });
        var (_, elsewhere) = await somebody.AskAsync("find", new { tenant = "globex", @namespace = "orders", key = "k" });

        var entry = found.GetProperty("entry");
        Assert.Equal("memory", entry.GetProperty("levels").GetString());
        Assert.Equal("t", Assert.Single(entry.GetProperty("tags").EnumerateArray()).GetString());
        Assert.Equal(System.Text.Json.JsonValueKind.Null, entry.GetProperty("value").ValueKind);
        Assert.DoesNotContain("the value", found.GetRawText(), StringComparison.Ordinal);
        Assert.Equal("No entry.", elsewhere.GetProperty("text").GetString());
    }

    [Fact]
    public async Task A_value_is_shown_as_text_or_as_digits_and_not_without_end()
    {
        await using var app = await DashboardApp.StartAsync(ShowingValues);
        await app.Cache.SetAsync("object", new { name = "<b>" });
        await app.Cache.SetAsync("long", new string('ä', 40_000));
        await app.Cache.SetAsync("bytes", new byte[] { 0xff, 0x00, 0x10 });
        using var somebody = new Operator(app);

        Assert.Equal("""{"name":"\u003Cb\u003E"}""", (await ValueAsync("object")).Text);
        Assert.Equal(("ff0010", true), ((await ValueAsync("bytes")).Text, (await ValueAsync("bytes")).Note!.Contains("not text", StringComparison.Ordinal)));
        var (text, note) = await ValueAsync("long");
        Assert.Equal(new string('ä', 16 * 1024), text);
        Assert.Contains("of 80000 bytes", note, StringComparison.Ordinal);

        async Task<(string? Text, string? Note)> ValueAsync(string key)
        {
            var value = (await somebody.AskAsync("find", new { key })).Json.GetProperty("entry").GetProperty("value");
            return (value.GetProperty("text").GetString(), value.GetProperty("note").GetString());
        }
    }

    [ServerFact(ServerKind.Redis)]
    public async Task What_another_node_stored_is_found_shown_and_removed()
    {
        var server = await TestServers.RedisAsync();
        var prefix = Guid.NewGuid().ToString("n");
        await using var first = await StartAsync();
        await using var second = await StartAsync();
        using var somebody = new Operator(second);
        System.Text.Json.JsonElement found = default;

        // A node that has connected a moment ago may not trust the server yet.
        await Poll.UntilAsync(
            async () =>
            {
                await first.Cache.SetAsync("k", new { n = 7 });
                (var status, found) = await somebody.AskAsync("find", new { key = "k" });
                return status == HttpStatusCode.OK && found.GetProperty("entry").ValueKind != System.Text.Json.JsonValueKind.Null;
            },
            "the entry is at the second level");
        Assert.Equal("second level", found.GetProperty("entry").GetProperty("levels").GetString());
        Assert.Equal("""{"n":7}""", found.GetProperty("entry").GetProperty("value").GetProperty("text").GetString());

        Assert.Equal(HttpStatusCode.OK, (await somebody.AskAsync("remove-key", new { key = "k" })).Status);
        await Poll.UntilAsync(async () => (await first.Cache.TryGetAsync<object>("k")).Kind != CacheResultKind.Found, "the first node has heard of it");

        Task<DashboardApp> StartAsync() =>
            DashboardApp.StartAsync(ShowingValues, larder: larder => larder.UseRedis($"{server.EndPoint}").Services.Configure<LarderOptions>(options =>
                (options.Prefix, options.SecondLevelTimeout) = (prefix, TimeSpan.FromSeconds(20))));
    }

    private static async Task StoreAsync(DashboardApp app, params CacheScope[] scopes)
    {
        foreach (var scope in scopes)
        {
            using (CacheScope.Use(scope))
            {
                await app.Cache.SetAsync("k", "the value", tags: ["t"]);
            }
        }
    }

    private static async Task<bool> HasAsync(DashboardApp app, CacheScope scope)
    {
        using (CacheScope.Use(scope))
        {
            return (await app.Cache.TryGetAsync<string>("k")).Kind == CacheResultKind.Found;
        }
    }
}
