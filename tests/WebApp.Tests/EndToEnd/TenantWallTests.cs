using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Larder.Tests;

/// <summary>Names that try to be somebody else's.</summary>
public sealed class TenantWallTests : IAsyncLifetime
{
    private readonly CatalogHost _host = new(Backend.Memory);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _host.DisposeAsync();

    public static TheoryData<string> HostileNames => new()
    {
        "", " ", "acme ", "ACME", "acme\0", "acme\u001E", "acme\u001F", "acme\n", "acme:globex", "t.acme", "acme:p", "acme/../globex", "%61cme",
        "acme\u200B", "ａｃｍｅ", "{acme}", "*", "#", "acme,globex", new string('a', 5_000),
    };

    [Theory]
    [MemberData(nameof(HostileNames))]
    public async Task A_name_that_is_no_tenants_gets_404_from_path_and_header_and_nothing_is_cached(string name)
    {
        await ReadAsync("/t/acme/products/1");
        var byPath = await ReadAsync($"/t/{name}/products/1");
        var byHeader = await ReadAsync("/products/1", name);

        Assert.All([byPath, byHeader], context =>
        {
            Assert.Equal(StatusCodes.Status404NotFound, context.Response.StatusCode);
            Assert.Empty(context.Response.Headers["Cache-Status"].ToString());
            Assert.DoesNotContain("Acme", Body(context), StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task A_header_sent_twice_is_refused()
    {
        foreach (string[] values in (string[][])[["acme", "globex"], ["acme", "acme"], ["a", "cme"]])
        {
            var context = await ReadAsync("/products/1", values);

            Assert.Equal(StatusCodes.Status400BadRequest, context.Response.StatusCode);
            Assert.Contains("header X-Tenant has several values", Body(context), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Searches_with_control_characters_are_served_side_by_side_and_never_cached()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(async i =>
        {
            var tenant = i % 2 == 0 ? "acme" : "globex";
            var client = _host.CreateClient();
            using var response = await client.GetAsync($"/t/{tenant}/products?q=%1E{i}&size=1");
            return (tenant, response.StatusCode, Status: response.CacheStatus(), Body: await response.Content.ReadAsStringAsync());
        }));

        Assert.All(answers, answer =>
        {
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.Equal("larder; fwd=bypass; detail=control-character", answer.Status);
            Assert.Contains("\"total\":0", answer.Body, StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task Every_tenants_products_are_its_own_under_concurrent_reads()
    {
        var client = _host.CreateClient();
        string[] tenants = ["acme", "globex", "initech", "umbrella"];
        await Task.WhenAll(Enumerable.Range(0, 400).Select(async i =>
        {
            var tenant = tenants[i % 4];
            using var response = i % 3 == 0
                ? await client.GetForAsync($"/products/{1 + i % 10}", tenant)
                : await client.GetAsync($"/t/{tenant}/products/{1 + i % 10}");
            var product = await response.ProductAsync();
            Assert.StartsWith(tenant, product.Name, StringComparison.OrdinalIgnoreCase);
            Assert.Equal(1 + i % 10, product.Id);
        }));
    }

    // Past HttpClient, which would refuse or normalise such names.
    private Task<HttpContext> ReadAsync(string path, params string[] tenantHeader) => _host.Server.SendAsync(context =>
    {
        context.Request.Method = HttpMethods.Get;
        context.Request.Path = new PathString(path);
        if (tenantHeader.Length > 0)
        {
            context.Request.Headers["X-Tenant"] = tenantHeader;
        }
    });

    private static string Body(HttpContext context)
    {
        using var reader = new StreamReader(context.Response.Body, Encoding.UTF8, leaveOpen: true);
        return reader.ReadToEnd();
    }
}
