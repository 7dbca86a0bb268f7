using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Larder.Tests;

/// <summary>Somebody at the dashboard, as the page itself would ask: with the cookie and the token that go together.</summary>
internal sealed class Operator(DashboardApp app, string path = "/larder", string? user = null) : IDisposable
{
    private readonly HttpClient _client = new(new HttpClientHandler { CookieContainer = new CookieContainer() }) { BaseAddress = new Uri(app.Address) };

    public async Task<(string Header, string Token)> TokenAsync()
    {
        using var response = await _client.SendAsync(Request(HttpMethod.Get, "token"));
        response.EnsureSuccessStatusCode();
        var json = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        return (json.GetProperty("header").GetString()!, json.GetProperty("token").GetString()!);
    }

    public async Task<(HttpStatusCode Status, JsonElement Json)> AskAsync(string operation, object request) => await AskAsync(operation, JsonContent.Create(request), await TokenAsync());

    public async Task<(HttpStatusCode Status, JsonElement Json)> AskAsync(string operation, HttpContent content, (string Header, string Token)? token, params (string Name, string Value)[] headers)
    {
        var request = Request(HttpMethod.Post, operation);
        request.Content = content;
        if (token is { } given)
        {
            request.Headers.Add(given.Header, given.Token);
        }

        foreach (var (name, value) in headers)
        {
            request.Headers.Add(name, value);
        }

        using var response = await _client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement);
    }

    public void Dispose() => _client.Dispose();

    private HttpRequestMessage Request(HttpMethod method, string name)
    {
        var request = new HttpRequestMessage(method, $"{path}/{name}");
        if (user is not null)
        {
            request.Headers.Add("X-User", user);
        }

        return request;
    }
}
