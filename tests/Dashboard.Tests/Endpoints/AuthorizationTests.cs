using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Larder.Tests;

/// <summary>Who may see what spans all tenants.</summary>
public sealed class AuthorizationTests
{
    private const string Statistics = "/larder/statistics";

    [Theory]
    [InlineData("GET", Statistics)]
    [InlineData("POST", Statistics + "/reset")]
    [InlineData("GET", "/larder/")]
    [InlineData("GET", "/larder/assets/{version}/dashboard.js")]
    [InlineData("GET", "/larder/events")]
    [InlineData("GET", "/larder/token")]
    public async Task Nobody_sees_anything_unless_logged_in(string method, string path)
    {
        await using var app = await DashboardApp.StartAsync(Map);

        path = path.Replace("{version}", Dashboard.DashboardAssets.Version, StringComparison.Ordinal);

        using var nobody = await app.SendAsync(new HttpMethod(method), path);
        using var somebody = await app.SendAsync(new HttpMethod(method), path, "anna");

        Assert.Equal(HttpStatusCode.Unauthorized, nobody.StatusCode);
        Assert.True(somebody.IsSuccessStatusCode, $"{somebody.StatusCode}");
    }

    [Theory]
    [InlineData("find")]
    [InlineData("remove-key")]
    [InlineData("remove-tag")]
    [InlineData("clear-tenant")]
    [InlineData("reset")]
    public async Task Nobody_does_anything_unless_logged_in(string operation)
    {
        await using var app = await DashboardApp.StartAsync(Map);

        using var nobody = await app.SendAsync(HttpMethod.Post, "/larder/" + operation);

        Assert.Equal(HttpStatusCode.Unauthorized, nobody.StatusCode);
    }

    [Fact]
    public async Task The_dashboard_has_a_policy_of_its_own()
    {
        await using var app = await DashboardApp.StartAsync(web => web.MapLarderDashboard(configure: options => options.AuthorizationPolicy = "operators"));

        using var anna = await app.SendAsync(HttpMethod.Get, "/larder/", "anna");
        using var operators = await app.SendAsync(HttpMethod.Get, "/larder/", "operator");

        Assert.Equal([HttpStatusCode.Forbidden, HttpStatusCode.OK], new[] { anna.StatusCode, operators.StatusCode });
    }

    [Fact]
    public async Task The_start_fails_for_the_dashboard_too()
    {
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => DashboardApp.StartAsync(web => web.MapLarderDashboard(), services => services.AddAntiforgery()));

        Assert.Contains("MapLarderDashboard(\"/larder\") needs authorization", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_policy_says_who()
    {
        await using var app = await DashboardApp.StartAsync(web => web.MapLarderStatistics(policy: "operators"));

        using var nobody = await app.SendAsync(HttpMethod.Get, Statistics);
        using var anna = await app.SendAsync(HttpMethod.Get, Statistics, "anna");
        using var operators = await app.SendAsync(HttpMethod.Get, Statistics, "operator");

        Assert.Equal(
            [HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden, HttpStatusCode.OK], new[] { nobody.StatusCode, anna.StatusCode, operators.StatusCode });
    }

    [Fact]
    public async Task A_policy_added_by_the_caller_applies_too()
    {
        await using var app = await DashboardApp.StartAsync(web => web.MapLarderStatistics().RequireAuthorization("operators"));

        using var anna = await app.SendAsync(HttpMethod.Get, Statistics, "anna");

        Assert.Equal(HttpStatusCode.Forbidden, anna.StatusCode);
    }

    [Fact]
    public async Task Without_services_it_is_open_only_where_the_caller_says_so()
    {
        await using var app = await DashboardApp.StartAsync(web => web.MapLarderStatistics().AllowAnonymous(), _ => { });

        using var nobody = await app.SendAsync(HttpMethod.Get, Statistics);

        Assert.Equal(HttpStatusCode.OK, nobody.StatusCode);
    }

    [Fact]
    public async Task The_start_fails_where_the_application_has_no_authorization()
    {
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => DashboardApp.StartAsync(web => web.MapLarderStatistics("/stats"), _ => { }));

        Assert.Contains("MapLarderStatistics(\"/stats\") needs authorization", failure.Message, StringComparison.Ordinal);
        Assert.Contains("AddAuthorization()", failure.Message, StringComparison.Ordinal);
        Assert.Contains(".AllowAnonymous()", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_start_fails_where_nobody_can_log_in()
    {
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => DashboardApp.StartAsync(web => web.MapLarderStatistics(), services => services.AddAuthorization()));

        Assert.Contains("AddAuthentication", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_start_fails_where_the_policy_is_missing_and_quotes_it()
    {
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => DashboardApp.StartAsync(web => web.MapLarderStatistics(policy: "oprators")));

        Assert.Contains("'oprators'", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_group_of_the_application_can_open_it()
    {
        await using var app = await DashboardApp.StartAsync(web => web.MapGroup("/internal").AllowAnonymous().MapLarderStatistics("/stats"), _ => { });

        using var nobody = await app.SendAsync(HttpMethod.Get, "/internal/stats");

        Assert.Equal(HttpStatusCode.OK, nobody.StatusCode);
    }

    [Fact]
    public void Mapping_without_a_cache_says_what_is_missing()
    {
        var app = WebApplication.CreateSlimBuilder().Build();

        var failure = Assert.Throws<InvalidOperationException>(() => app.MapLarderStatistics());

        Assert.Contains("services.AddLarder()", failure.Message, StringComparison.Ordinal);
    }

    private static void Map(WebApplication app)
    {
        app.MapLarderStatistics();
        app.MapLarderDashboard();
    }
}
