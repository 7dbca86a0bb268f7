using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Larder.Tests;

/// <summary>An application with nothing but health probes.</summary>
internal sealed class HealthApp : IAsyncDisposable
{
    private readonly WebApplication _app;

    private HealthApp(WebApplication app)
    {
        _app = app;
        Client = app.GetTestClient();
    }

    public HttpClient Client { get; }

    public IServiceProvider Services => _app.Services;

    public static async Task<HealthApp> StartAsync(
        Action<IServiceCollection> services, string? server = null, Action<WebApplication>? map = null, Action<WebApplication>? pipeline = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseTestServer();
        builder.Logging.ClearProviders();
        builder.Configuration["CACHE_BACKEND"] = "memory";
        var larder = builder.Services.AddLarder();
        if (server is not null)
        {
            larder.UseRedis(server);
        }

        services(builder.Services);
        var app = builder.Build();
        app.UseRouting();
        pipeline?.Invoke(app);
        if (map is null)
        {
            app.MapLarderHealth();
        }
        else
        {
            map(app);
        }

        await app.StartAsync();
        return new HealthApp(app);
    }

    public async Task<(int Status, JsonElement Json, string Text)> GetAsync(string path)
    {
        using var response = await Client.GetAsync(path);
        var text = await response.Content.ReadAsStringAsync();
        return ((int)response.StatusCode, JsonDocument.Parse(text).RootElement, text);
    }

    public async Task<string> StatusAsync() => (await GetAsync("/health/ready")).Json.GetProperty("status").GetString()!;

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
