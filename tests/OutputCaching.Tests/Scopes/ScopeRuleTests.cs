using System.Security.Claims;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Larder.Tests;

/// <summary>Which tenant a request is about, and which rule said so.</summary>
public class ScopeRuleTests
{
    private static async Task<string> AskAsync(Action<HttpScopeBuilder> rules, string path = "/x", Action<HttpContext>? request = null)
    {
        await using var app = await PageApp.StartAsync(
            (_, web) =>
            {
                static string Answer(HttpContext http)
                {
                    var feature = http.Features.Get<IHttpScopeFeature>()!;
                    Assert.Equal(feature.Scope, CacheScope.Current);
                    return $"{feature.Scope.Tenant ?? "-"} by {feature.TenantSource ?? "-"}, {feature.Scope.Project ?? "-"} by {feature.ProjectSource ?? "-"}";
                }

                web.MapGet("/x", Answer);
                web.MapGet("/t/{tenant}/p/{project}", Answer);
                web.MapGet("/t/{tenant}", Answer);
            },
            rules,
            pipeline: web => web.Use((context, next) =>
            {
                if (context.Request.Headers["Sign-In"].ToString() is { Length: > 0 } tenant)
                {
                    context.User = new ClaimsPrincipal(new ClaimsIdentity([.. tenant.Split(',').Select(value => new Claim("tid", value))], "test"));
                }

                return next(context);
            }).UseLarderScope().UsePages());
        var page = await app.GetAsync(path, configure: request);
        return page.Status == 200 ? page.Body : $"{page.Status} {page.Headers.CacheControl} {page.Body}";
    }

    private static Action<HttpContext> Header(string name, params string[] values) => http => http.Request.Headers[name] = values;

    [Fact]
    public async Task From_the_route() => Assert.Equal("acme by route tenant, - by -", await AskAsync(s => s.FromRoute("tenant"), "/t/acme"));

    [Fact]
    public async Task From_a_header() => Assert.Equal("acme by header X-Tenant, - by -", await AskAsync(s => s.FromHeader("X-Tenant"), request: Header("X-Tenant", "acme")));

    [Fact]
    public async Task From_a_claim() => Assert.Equal("acme by claim tid, - by -", await AskAsync(s => s.FromClaim("tid"), request: Header("Sign-In", "acme")));

    [Fact]
    public async Task From_a_claim_that_is_there_twice_with_one_value() =>
        Assert.Equal("acme by claim tid, - by -", await AskAsync(s => s.FromClaim("tid"), request: Header("Sign-In", "acme,acme")));

    [Fact]
    public async Task From_code() => Assert.Equal("acme by cookie, - by -", await AskAsync(s => s.From(_ => "acme", "cookie")));

    [Theory]
    [InlineData("Acme.shop.example", "acme by host {tenant}.shop.example, - by -")]
    [InlineData("shop.example", "- by -, - by -")]
    [InlineData(".shop.example", "- by -, - by -")]
    [InlineData("a.b.shop.example", "- by -, - by -")]
    [InlineData("acme.shop.example.evil", "- by -, - by -")]
    public async Task From_the_host(string host, string expected) =>
        Assert.Equal(expected, await AskAsync(s => s.FromHost("{tenant}.shop.example"), request: http => http.Request.Host = new HostString(host, 8080)));

    [Fact]
    public async Task The_project_has_rules_of_its_own() =>
        Assert.Equal("acme by route tenant, web by route project", await AskAsync(s => s.FromRoute("tenant").Project(p => p.FromRoute("project")), "/t/acme/p/web"));

    [Theory]
    [InlineData("/t/acme", "acme by route tenant, - by -")]
    [InlineData("/x", "globex by header X-Tenant, - by -")]
    public async Task The_first_rule_that_finds_a_name_wins(string path, string expected) =>
        Assert.Equal(expected, await AskAsync(s => s.FromRoute("tenant").FromHeader("X-Tenant"), path, Header("X-Tenant", "globex")));

    [Fact]
    public async Task An_empty_name_is_none() =>
        Assert.Equal("- by -, - by -", await AskAsync(s => s.FromHeader("X-Tenant"), request: Header("X-Tenant", "")));

    [Fact]
    public async Task A_name_that_is_not_allowed_is_none_and_no_later_rule_is_asked() =>
        Assert.Equal("- by -, - by -", await AskAsync(s => s.FromRoute("tenant").FromHeader("X-Tenant").AllowTenants((_, t) => t == "globex"), "/t/acme", Header("X-Tenant", "globex")));

    [Theory]
    [InlineData("X-Tenant", new[] { "a", "bc" }, "header X-Tenant")]
    [InlineData("Sign-In", new[] { "acme,globex" }, "claim tid")]
    public async Task Several_names_from_one_rule_end_the_request(string header, string[] values, string source)
    {
        var answer = await AskAsync(s => s.FromHeader("X-Tenant").FromClaim("tid"), request: Header(header, values));

        Assert.StartsWith("400 no-store ", answer, StringComparison.Ordinal);
        Assert.Contains($"The {source} has several values", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("shop.example")]
    [InlineData("{tenant}.{tenant}.example")]
    [InlineData("{tenant}.{region}.example")]
    [InlineData("{x}.example")]
    public void A_host_pattern_without_one_place_for_the_name_is_refused(string pattern) =>
        Assert.Contains(pattern, Assert.Throws<ArgumentException>(() => Build(s => s.FromHost(pattern))).Message, StringComparison.Ordinal);

    [Fact]
    public void No_rule_at_all_is_refused() => Assert.Throws<InvalidOperationException>(() => Build(_ => { }));

    [Fact]
    public async Task Scopes_of_a_tenant_are_one_instance_and_made_up_names_are_not_kept_for_ever()
    {
        var seen = new HashSet<CacheScope>(ReferenceEqualityComparer.Instance);
        await using var app = await PageApp.StartAsync((_, web) => web.MapGet("/{tenant}", () => { seen.Add(CacheScope.Current); }), s => s.FromRoute("tenant"));
        await app.GetAsync("/acme");
        await app.GetAsync("/acme");
        Assert.Single(seen);

        for (var i = 0; i < 4_200; i++)
        {
            await app.GetAsync($"/made-up-{i}");
        }

        await app.GetAsync("/made-up-4199");
        await app.GetAsync("/acme");
        Assert.Equal(1 + 4_200 + 1, seen.Count);
    }

    private static void Build(Action<HttpScopeBuilder> rules) =>
        Microsoft.Extensions.DependencyInjection.LarderHttpScopeExtensions.AddHttpScope(
            Microsoft.Extensions.DependencyInjection.LarderServiceCollectionExtensions.AddLarder(new Microsoft.Extensions.DependencyInjection.ServiceCollection()), rules);
}
