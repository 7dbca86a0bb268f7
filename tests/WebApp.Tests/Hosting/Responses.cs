using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Larder.Samples.WebApp.Catalog;
using Xunit;

namespace Larder.Tests;

/// <summary>Requests as a client of the sample makes them, and what their headers say.</summary>
internal static class Responses
{
    public const string Miss = "larder; fwd=uri-miss; fwd-status=200; stored";

    public static string CacheStatus(this HttpResponseMessage response) => Header(response, "Cache-Status");

    /// <summary><c>hit</c>, <c>miss</c>, or empty if the data cache was not asked.</summary>
    public static string DataCache(this HttpResponseMessage response) => Header(response, "X-Data-Cache");

    public static bool IsHit(this HttpResponseMessage response) => response.CacheStatus().StartsWith("larder; hit", StringComparison.Ordinal);

    public static async Task<Product> ProductAsync(this HttpResponseMessage response)
    {
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return (await response.Content.ReadFromJsonAsync<Product>())!;
    }

    public static async Task<JsonElement> JsonAsync(this HttpResponseMessage response) =>
        JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;

    public static Task<HttpResponseMessage> GetForAsync(this HttpClient client, string path, params string[] tenantHeader)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("X-Tenant", tenantHeader);
        return client.SendAsync(request);
    }

    public static Task<HttpResponseMessage> WriteAsync(this HttpClient client, HttpMethod method, string path, ProductDraft? draft, string? ifMatch = "*")
    {
        var request = new HttpRequestMessage(method, path) { Content = draft is null ? null : JsonContent.Create(draft) };
        if (ifMatch is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        }

        return client.SendAsync(request);
    }

    public static ProductDraft Draft(string name, string sku = "ACM-00001") =>
        new() { Sku = sku, Name = name, Category = "Lighting", PriceCents = 4995, Stock = 3 };

    private static string Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) ? string.Join(", ", values) : "";
}
