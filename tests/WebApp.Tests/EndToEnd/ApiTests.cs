using System.Net;
using System.Text.Json;
using Xunit;

namespace Larder.Tests;

/// <summary>The sample as an HTTP API: conditions, validation, description.</summary>
public sealed class ApiTests : IAsyncLifetime
{
    private readonly CatalogHost _host = new(Backend.Memory);
    private HttpClient _client = null!;

    public Task InitializeAsync()
    {
        _client = _host.CreateClient();
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Theory]
    [InlineData(null, HttpStatusCode.PreconditionRequired)]
    [InlineData("\"2\"", HttpStatusCode.PreconditionFailed)]
    [InlineData("W/\"1\"", HttpStatusCode.PreconditionFailed)]
    [InlineData("\"1\", \"2\"", HttpStatusCode.PreconditionFailed)]
    [InlineData("1", HttpStatusCode.PreconditionFailed)]
    [InlineData("\"one\"", HttpStatusCode.PreconditionFailed)]
    [InlineData("\"1\"", HttpStatusCode.OK)]
    [InlineData("*", HttpStatusCode.OK)]
    public async Task A_write_must_say_which_version_it_replaces(string? ifMatch, HttpStatusCode expected)
    {
        using var update = await _client.WriteAsync(HttpMethod.Put, "/t/acme/products/1", Responses.Draft("Conditional"), ifMatch);
        using var delete = await _client.WriteAsync(HttpMethod.Delete, "/t/acme/products/2", null, ifMatch);

        Assert.Equal(expected, update.StatusCode);
        Assert.Equal(expected == HttpStatusCode.OK ? HttpStatusCode.NoContent : expected, delete.StatusCode);
        if (expected != HttpStatusCode.OK)
        {
            Assert.Equal("application/problem+json", update.Content.Headers.ContentType!.MediaType);
        }
    }

    [Fact]
    public async Task A_client_that_has_the_page_gets_304_from_the_cache()
    {
        using var first = await _client.GetAsync("/t/acme/products/1");
        var request = new HttpRequestMessage(HttpMethod.Get, "/t/acme/products/1");
        request.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        using var second = await _client.SendAsync(request);

        Assert.Equal(HttpStatusCode.NotModified, second.StatusCode);
        Assert.Matches("^larder; hit; ttl=(5[0-9]|60)$", second.CacheStatus());
    }

    [Theory]
    [InlineData("page=0", "Page")]
    [InlineData("size=101", "Size")]
    [InlineData("size=many", "Size")]
    [InlineData("q=0123456789012345678901234567890123456789012345678901234567890", "Q")]
    public async Task A_search_out_of_range_is_refused_and_says_why(string query, string field)
    {
        using var response = await _client.GetAsync($"/t/acme/products?{query}");

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        Assert.Contains((await response.JsonAsync()).GetProperty("errors").EnumerateObject(), error => error.Name.Equals(field, StringComparison.OrdinalIgnoreCase));
        Assert.Equal("larder; fwd=uri-miss; fwd-status=400; detail=status", response.CacheStatus());
    }

    [Theory]
    [InlineData("%", 0)]
    [InlineData("_", 0)]
    [InlineData("\\", 0)]
    [InlineData("' OR 1=1 --", 0)]
    [InlineData("acme oak", 250)]
    public async Task A_search_takes_its_text_literally(string text, int expected)
    {
        using var response = await _client.GetAsync($"/t/acme/products?q={Uri.EscapeDataString(text)}");

        Assert.Equal(expected, (await response.JsonAsync()).GetProperty("total").GetInt64());
    }

    [Fact]
    public async Task Paging_shows_every_product_once()
    {
        var seen = new HashSet<long>();
        for (var page = 1; page <= 25; page++)
        {
            using var response = await _client.GetAsync($"/t/globex/products?page={page}&size=100");
            foreach (var item in (await response.JsonAsync()).GetProperty("items").EnumerateArray())
            {
                Assert.True(seen.Add(item.GetProperty("id").GetInt64()));
            }
        }

        Assert.Equal(2_500, seen.Count);
    }

    [Fact]
    public async Task An_article_number_that_is_taken_is_a_conflict()
    {
        using var create = await _client.WriteAsync(HttpMethod.Post, "/t/acme/products", Responses.Draft("Copy", "ACM-00010"), null);
        using var update = await _client.WriteAsync(HttpMethod.Put, "/t/acme/products/11", Responses.Draft("Copy", "ACM-00010"));
        using var elsewhere = await _client.WriteAsync(HttpMethod.Post, "/t/globex/products", Responses.Draft("No copy", "ACM-00010"), null);

        Assert.Equal(HttpStatusCode.Conflict, create.StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, update.StatusCode);
        Assert.Equal(HttpStatusCode.Created, elsewhere.StatusCode);
        Assert.Contains("ACM-00010", await create.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Writing_a_product_that_is_not_there_is_404()
    {
        using var update = await _client.WriteAsync(HttpMethod.Put, "/t/acme/products/99999", Responses.Draft("Nobody", "ACM-99999"));
        using var delete = await _client.WriteAsync(HttpMethod.Delete, "/t/acme/products/99999", null);

        Assert.Equal(HttpStatusCode.NotFound, update.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, delete.StatusCode);
    }

    [Fact]
    public async Task The_openapi_document_describes_both_ways_to_name_a_tenant()
    {
        using var response = await _client.GetAsync("/openapi/v1.json");
        var paths = (await response.JsonAsync()).GetProperty("paths");

        string[] expected = ["/products", "/products/{id}", "/t/{tenant}/products", "/t/{tenant}/products/{id}"];
        Assert.Equal(expected, paths.EnumerateObject().Select(path => path.Name).Order(StringComparer.Ordinal));
        Assert.Equal(JsonValueKind.Object, paths.GetProperty("/t/{tenant}/products/{id}").GetProperty("put").ValueKind);
    }

    [Fact]
    public async Task The_landing_page_links_to_every_tenant()
    {
        var html = await _client.GetStringAsync("/");

        Assert.All((string[])["acme", "globex", "initech", "umbrella"], tenant => Assert.Contains($"href=\"/t/{tenant}/products/1\"", html, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_restart_keeps_the_data()
    {
        using var update = await _client.WriteAsync(HttpMethod.Put, "/t/acme/products/12", Responses.Draft("Kept", "ACM-00012"));
        await using var restarted = new CatalogHost(Backend.Memory, sharedWith: _host);
        using var read = await restarted.CreateClient().GetAsync("/t/acme/products/12");

        Assert.Equal("Kept", (await read.ProductAsync()).Name);
    }

    [Theory]
    [InlineData("Development", true)]
    [InlineData("Production", false)]
    public async Task The_dashboard_is_open_to_a_developer_and_to_nobody_else(string environment, bool isThere)
    {
        await using var host = new CatalogHost(new Dictionary<string, string>(Backend.Memory) { ["environment"] = environment });
        using var client = host.CreateClient();
        using var page = await client.GetAsync("/larder/");
        using var statistics = await client.GetAsync("/larder/statistics");

        Assert.Equal((isThere, isThere), (page.StatusCode == HttpStatusCode.OK, statistics.StatusCode == HttpStatusCode.OK));
    }
}
